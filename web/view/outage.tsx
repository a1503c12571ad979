import { t } from '../i18n/translate.ts';
import { serverStatus } from '../state/server-status.ts';

/** What is blocking all indexing, such as a full disk. */
export function Outage() {
  const problem = serverStatus.value?.outage ?? null;
  return problem === null ? null : <p role="status">{t('status.waitsFor', { problem })}</p>;
}
