import { type Functions, METRICS, serviceName } from './functions';
import type { Events } from './queue';

/**
 * [namespace, metric, dimension, value, options], as CloudWatch's dashboards name a line ("Dashboard body structure").
 */
type Metric = readonly unknown[];

/** A dashboard of requests, waiting messages, failures and durations. */
export function createDashboard({ events, functions }: { events: Events; functions: Functions }) {
  const names = $util.all([
    functions.api.nodes.function.name,
    functions.ingest.nodes.function.name,
    events.queue.nodes.queue.name,
    events.deadLetters.nodes.queue.name,
    aws.getRegionOutput().region,
  ]);
  return new aws.cloudwatch.Dashboard('Dashboard', {
    dashboardName: serviceName(),
    dashboardBody: names.apply(([api, ingest, queue, deadLetters, region]) => {
      const charts = chartsOf({ api, ingest, queue, deadLetters });
      return JSON.stringify({
        widgets: charts.map(([title, metrics], i) => ({
          type: 'metric',
          width: 12,
          height: 6,
          x: (i % 2) * 12,
          y: Math.floor(i / 2) * 6,
          properties: { title, metrics, region, period: 300, view: 'timeSeries' },
        })),
      });
    }),
  });
}

/** The charts by their titles; the arguments are names of functions and queues. */
function chartsOf(named: {
  api: string;
  ingest: string;
  queue: string;
  deadLetters: string;
}): readonly (readonly [string, readonly Metric[]])[] {
  const { api, ingest, queue, deadLetters } = named;
  const own = (metric: string, stat: string): Metric => [METRICS.namespace, metric, 'service', serviceName(), { stat }];
  const lambda = (metric: string, fn: string, stat: string): Metric => [
    'AWS/Lambda',
    metric,
    'FunctionName',
    fn,
    { stat, label: `${fn === api ? 'api' : 'ingest'} ${metric}` },
  ];
  const sqs = (metric: string, name: string, label: string): Metric => [
    'AWS/SQS',
    metric,
    'QueueName',
    name,
    { stat: 'Maximum', label },
  ];
  return [
    ['Requests', [own('Requests', 'Sum'), own('ServerErrors', 'Sum'), lambda('Throttles', api, 'Sum')]],
    ['Time of a request, ms', [own('RequestTime', 'p50'), own('RequestTime', 'p99'), own('TextEmbeddingTime', 'p50')]],
    ['Pictures', ['Indexed', 'Unchanged', 'Removed', 'Rejected', 'Retried'].map((metric) => own(metric, 'Sum'))],
    ['Time of a message, ms', [own('IndexTime', 'p50'), own('IndexTime', 'p99'), own('ImageEmbeddingTime', 'p50')]],
    [
      'Messages',
      [
        sqs('ApproximateNumberOfMessagesVisible', queue, 'waiting'),
        sqs('ApproximateNumberOfMessagesNotVisible', queue, 'being handled'),
        sqs('ApproximateNumberOfMessagesVisible', deadLetters, 'put aside'),
      ],
    ],
    ['Oldest message, s', [sqs('ApproximateAgeOfOldestMessage', queue, 'oldest')]],
    ['Functions at work', [api, ingest].map((fn) => lambda('ConcurrentExecutions', fn, 'Maximum'))],
    [
      'Runs that ended badly, cold starts',
      [...[api, ingest].map((fn) => lambda('Errors', fn, 'Sum')), own('ColdStart', 'Sum')],
    ],
  ];
}
