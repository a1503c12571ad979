import { SightlineError } from '../core/errors.ts';
import { text, url } from '../core/setting-value.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';

/** The fields of `GET /status` that are used. */
interface Status {
  readonly version: string;
  readonly space: string;
  /** Missing in older deployments. */
  readonly liveSpace?: string;
  readonly pictures: number;
  readonly captions: number;
  readonly backlog: number | null;
  readonly outage?: string | null;
  readonly failures: number;
}

export default command({
  about: `
Shows the state of a deployment: whether it answers, which space is live, what waits, what failed.`,
  options: {
    url: url({ text: 'URL of the deployment, its output `url`' }),
    key: text({ unit: 'KEY', text: 'API key, if reading needs one' }),
    json: JSON_OUTPUT,
  },
  notes: 'Exit code 0 if it answers and nothing has failed, otherwise 1.',
  run: async ({ url: base, key, json }) => {
    if (base === undefined) throw new UsageError('expected --url URL');
    const ask = async <T>(path: string): Promise<T> => {
      const headers: HeadersInit = key === undefined ? {} : { 'x-api-key': key };
      const address = `${base.replace(/\/+$/, '')}${path}`;
      const answer = await fetch(address, { headers }).catch((error: Error) => {
        const { message } = (error.cause as Error | undefined) ?? error;
        throw new SightlineError('unavailable', `${address} does not answer: ${message}`, { cause: error });
      });
      if (answer.ok) return (await answer.json()) as T;
      const said = (await answer.text()).slice(0, 200);
      // Lambda's own refusal; ours is a problem with a `detail`.
      const isUnsigned = answer.status === 403 && said.startsWith('{"Message":');
      const why = isUnsigned
        ? 'AWS wants it signed (SIGHTLINE_URL_AUTH=iam), which this command does not do: curl --aws-sigv4 ' +
          `aws:amz:REGION:lambda --user KEY:SECRET ${address}`
        : said;
      throw new SightlineError('unavailable', `expected ${address} to answer, got ${answer.status}: ${why}`);
    };
    const status = await ask<Status>('/status');
    const { items } = await ask<{ items: { key: string; message: string }[] }>('/failures?limit=5');
    if (json) console.log(JSON.stringify({ ...status, latestFailures: items }, null, 2));
    else {
      const { version, space, liveSpace = space, pictures, captions, backlog, outage, failures } = status;
      const isLive = liveSpace === space ? 'live' : `not live any more: ${liveSpace} is, deploy its models`;
      console.log(`version   ${version}\nspace     ${space} (${isLive})`);
      console.log(`indexed   ${pluralise(pictures, 'picture')}, ${pluralise(captions, 'caption')}`);
      console.log(`waiting   ${backlog ?? 'not known'}${outage ? ` (${outage})` : ''}\nfailed    ${failures}`);
      for (const { key: name, message } of items) console.log(`  ${name}: ${message}`);
    }
    const { failures } = status;
    return failures === 0 ? EXIT.done : EXIT.failed;
  },
});
