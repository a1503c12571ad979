import { t } from '../i18n/translate.ts';
import { Chart } from './chart.tsx';

/** Metrics of one epoch. Recall sum: R@1, R@5 and R@10, both directions, in percent, on the validation split. */
export interface EpochFigures {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly validationLoss: number;
  readonly recallSum: number;
}

interface TrainingCurvesProps {
  /** At least one epoch, in order. */
  readonly curves: readonly EpochFigures[];
  /** The epoch whose weights were kept. */
  readonly taken?: number;
  readonly resumedAfter?: readonly number[];
}

/** Losses and recalls by epoch, as a chart and a table; shared by the page and the report. */
export function TrainingCurves({ curves, taken, resumedAfter }: TrainingCurvesProps) {
  const marks = { epochs: curves.map(({ epoch }) => epoch), taken, resumedAfter };
  return (
    <>
      <div class="charts">
        <Chart
          {...marks}
          title={t('chart.loss')}
          series={[
            { name: t('chart.training'), values: curves.map(({ trainLoss }) => trainLoss) },
            { name: t('chart.validation'), values: curves.map(({ validationLoss }) => validationLoss) },
          ]}
        />
        <Chart
          {...marks}
          title={t('chart.recall')}
          series={[{ name: t('chart.recallSeries'), values: curves.map(({ recallSum }) => recallSum) }]}
        />
      </div>
      <details>
        <summary>{t('chart.numbers')}</summary>
        <table class="numbers">
          <thead>
            <tr>
              {(['chart.epoch', 'chart.trainingLoss', 'chart.validationLoss', 'training.recall'] as const).map(
                (key) => (
                  <th key={key} scope="col">
                    {t(key)}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {curves.map(({ epoch, trainLoss, validationLoss, recallSum }) => (
              <tr key={epoch}>
                <th scope="row">{epoch}</th>
                <td>{trainLoss.toFixed(3)}</td>
                <td>{validationLoss.toFixed(3)}</td>
                <td>{recallSum.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}
