import { pluralise } from '../../../core/util/pluralise.ts';
import { TrainingCurves } from '../../../web/view/training-curves.tsx';
import type { Run } from '../report-data.ts';
import { report } from './judged.ts';
import { Section } from './parts.tsx';

/** Losses and recalls by epoch, of every head that has them. */

export function CurvesSection() {
  const runs = report.runs.filter(({ curves }) => curves.length > 0);
  return (
    <Section
      id="training"
      title="Training"
      about={
        runs.length === 0
          ? 'The file of this head says nothing of its training.'
          : 'Losses by epoch, with dropout in training and without it in validation, which is why the first ' +
            'may be above the second. The dashed line is the epoch that the head was taken from; a dotted one ' +
            'is where training was stopped and gone on with.'
      }
    >
      {runs.map((run) => (
        <figure class="curves" key={report.runs.indexOf(run)}>
          <figcaption>
            <strong>{run.recipe}</strong> <span class="hint">{describe(run)}</span>
          </figcaption>
          <TrainingCurves curves={run.curves} taken={run.epoch ?? undefined} resumedAfter={run.resumedAfter} />
        </figure>
      ))}
    </Section>
  );
}

function describe({ encoders, trainedOn, curves, epoch, resumedAfter }: Run): string {
  const pairs = trainedOn && `${trainedOn.pictures.toLocaleString('en')} pictures`;
  const resumed = resumedAfter.length > 0 && `gone on with after epoch ${resumedAfter.join(', ')}`;
  return [
    `${encoders.text} + ${encoders.image}`,
    pairs,
    pluralise(curves.length, 'epoch'),
    epoch !== null && `epoch ${epoch} taken`,
    resumed,
  ]
    .filter(Boolean)
    .join(' · ');
}
