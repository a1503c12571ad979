import { ApiFault } from './api-error.ts';
import { t } from './i18n/translate.ts';

export interface Explanation {
  readonly title: string;
  /** What the user can do about it. */
  readonly advice: string;
}

/** Describes a fault: what happened and what to do. The API's own details are in English. */
export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiFault)) {
    return { title: t('fault.page'), advice: t('fault.pageAdvice', { detail: messageOf(error) }) };
  }
  switch (error.kind) {
    case 'unreachable':
      return navigator.onLine === false
        ? { title: t('fault.offline'), advice: t('fault.offlineAdvice') }
        : { title: t('fault.unreachable'), advice: t('fault.unreachableAdvice') };
    case 'timeout':
      return { title: t('fault.timeout'), advice: t('fault.timeoutAdvice') };
    case 'unexpected-answer':
      return { title: t('fault.unexpected'), advice: t('fault.unexpectedAdvice', { detail: sentence(error.message) }) };
    case 'refused':
      return explainStatus(error);
  }
}

function explainStatus({ status, code, message, retryAfter, requestId }: ApiFault): Explanation {
  const detail = sentence(message);
  if (code === 'folder-overlaps') return { title: t('folders.overlaps'), advice: detail };
  if (code === 'perhaps-moved') return { title: t('folders.perhapsMoved'), advice: detail };
  switch (status) {
    case 401:
    case 403:
      if (code === 'read-only') return { title: t('fault.readOnly'), advice: detail };
      return { title: t('key.needed'), advice: t('fault.keyAdvice') };
    case 404:
      return { title: t('fault.gone'), advice: detail };
    case 409:
    case 412:
      return { title: t('fault.changed'), advice: t('fault.changedAdvice', { detail }) };
    case 413:
      return { title: t('fault.tooLarge'), advice: t('fault.tooLargeAdvice', { detail }) };
    case 415:
    case 422:
      return { title: t('fault.noPicture'), advice: detail };
    case 429: {
      const wait =
        retryAfter === undefined ? t('fault.tooManyAdvice') : t('fault.tooManySeconds', { count: retryAfter });
      return { title: t('fault.tooMany'), advice: wait };
    }
  }
  if (status < 500) return { title: t('fault.refused'), advice: detail };
  const trace = requestId === undefined ? '' : ` ${t('fault.serverTrace', { id: requestId })}`;
  return { title: t('fault.server'), advice: t('fault.serverAdvice') + trace };
}

/** The API's details are clauses ("expected this, got that"); this makes them sentences. */
function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?。]$/.test(trimmed) ? '' : '.');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
