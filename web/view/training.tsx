import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Model } from '../client.ts';
import { formatCount, t } from '../i18n/translate.ts';
import type { TrainingPart } from '../route.ts';
import { go, query, route } from '../state/navigation.ts';
import { loadReport, report, reportFault, trainingMap } from '../state/training.ts';
import { FaultNote } from './error-note.tsx';
import { Icon } from './icon.tsx';
import { Marked } from './inline-markup.tsx';
import { MapPage } from './map.tsx';
import { Segmented } from './segmented-control.tsx';
import { TrainingCurves } from './training-curves.tsx';
import { TrainingData } from './training-data.tsx';
import { useStatus } from './use-status.ts';

type Part = 'curves' | TrainingPart;
const parts: readonly Part[] = ['curves', 'data', 'map'];

/** How the head in use was trained, and the data it was evaluated on. */
export function TrainingView() {
  const [turn, setTurn] = useState(0);
  const { model, status, fault } = useStatus(turn);
  const hasReport = status?.report ?? false;
  useReport(hasReport, turn);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const again = () => setTurn(turn + 1);
  const part = (hasReport && route.value.part) || 'curves';
  const shown = report.value;
  const choose = (ids: ReadonlySet<string>) => {
    setChosen(ids);
    setPart('data');
  };
  const named = parts.map((one) => [one, t(`training.${one}`)] as const);
  const switcher = hasReport ? (
    <Segmented label={t('training.part')} options={named} chosen={part} choose={setPart} />
  ) : null;
  if (part === 'map' && shown) return <TrainingMap choose={choose}>{switcher}</TrainingMap>;
  return (
    <div class="page page-wide">
      <header class="page-head">
        <h1>
          {t('view.training')} <small>{part === 'data' && shown ? shown.title : (model?.head.name ?? '')}</small>
        </h1>
        <div class="toolbar-actions">
          {switcher}
          {hasReport ? (
            <a class="button button-quiet" href="report" target="_blank" rel="noopener">
              <Icon name="link" />
              <span>{t('training.report')}</span>
            </a>
          ) : null}
        </div>
      </header>
      {fault ? <FaultNote fault={fault} again={again} /> : null}
      {hasReport && reportFault.value ? <FaultNote fault={reportFault.value} again={again} /> : null}
      {part === 'curves' && model ? <Curves model={model} hasReport={hasReport} /> : null}
      {part === 'data' && shown ? (
        <TrainingData report={shown} chosen={chosen} showAll={() => setChosen(new Set())} />
      ) : null}
    </div>
  );
}

function useReport(isThere: boolean, turn: number): void {
  useEffect(() => {
    if (!isThere) return;
    const controller = new AbortController();
    void loadReport(controller.signal);
    return () => controller.abort();
  }, [isThere, turn]);
}

function setPart(part: Part): void {
  go({ view: 'training', query: query.value, ...(part === 'curves' ? {} : { part }) });
}

interface TrainingMapProps {
  readonly choose: (ids: ReadonlySet<string>) => void;
  readonly children: ComponentChildren;
}

function TrainingMap({ choose, children }: TrainingMapProps) {
  const shown = report.value!;
  const [source] = useState(() => trainingMap(shown));
  return (
    <MapPage
      source={source}
      title={t('training.mapTitle', { split: shown.split })}
      hint={t('training.mapHint')}
      highlighted={null}
      open={(id) => choose(new Set([id]))}
      select={choose}
    >
      {children}
    </MapPage>
  );
}

function Curves({ model, hasReport }: { model: Model; hasReport: boolean }) {
  const { curves, trained } = model.head;
  const epoch = typeof trained.epoch === 'number' ? trained.epoch : undefined;
  const taken = curves.find((one) => one.epoch === epoch);
  const cards: readonly (readonly [string, unknown])[] = [
    [t('training.recall'), taken?.recallSum.toFixed(1)],
    [t('view.search'), typeof trained.pictures === 'number' ? formatCount(trained.pictures) : undefined],
    [t('results.captions'), typeof trained.captions === 'number' ? formatCount(trained.captions) : undefined],
    [t('training.epochTaken'), epoch && (taken ? t('number.of', { done: epoch, all: curves.length }) : epoch)],
    [t('training.recipe'), trained.recipe],
  ];
  return (
    <>
      <div class="cards">
        {cards.map(([name, value]) =>
          value === undefined || value === null ? null : (
            <div key={name} class="card">
              <span>{name}</span>
              <strong>{String(value)}</strong>
            </div>
          ),
        )}
      </div>
      {curves.length === 0 ? (
        <p class="hint">{t('training.none')}</p>
      ) : (
        <TrainingCurves curves={curves} taken={epoch} />
      )}
      {hasReport ? null : (
        <p class="hint">
          <Marked text={t('training.makeReport')} />
        </p>
      )}
    </>
  );
}
