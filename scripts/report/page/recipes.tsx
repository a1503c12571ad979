import { percent, report } from './judged.ts';
import { Section } from './parts.tsx';

/** Heads measured here, and results published by others. */
export function RecipesSection() {
  return (
    <Section
      id="recipes"
      title="Recipes"
      about={
        `Measured here on ${report.dataset}, ${report.split}, each with its ${report.runs[0]!.interval.level} ` +
        '% interval. Below the line: as published, on another data set, with other encoders and ' +
        'mostly larger vectors. They show the order of magnitude and are no comparison.'
      }
    >
      <div class="scroll">
        <table class="recipes">
          <Heading />
          <Measured />
          <Published />
        </table>
      </div>
    </Section>
  );
}

function Heading() {
  return (
    <thead>
      <tr>
        <th scope="col" rowSpan={2}>
          Recipe
        </th>
        <th scope="colgroup" colSpan={3}>
          Text to image
        </th>
        <th scope="colgroup" colSpan={3}>
          Image to text
        </th>
        <th scope="col" rowSpan={2}>
          Sum
        </th>
      </tr>
      <tr>
        {[1, 5, 10, 1, 5, 10].map((k, i) => (
          <th scope="col" key={i}>
            R@{k}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Measured() {
  return (
    <tbody>
      {report.runs.map((run) => (
        <tr key={report.runs.indexOf(run)}>
          <th scope="row">
            {run.recipe}
            <small>
              {run.encoders.text} + {run.encoders.image}, {run.dimension}-d, {(run.bytes / 1e6).toFixed(1)} MB
            </small>
          </th>
          {(['textToImage', 'imageToText'] as const).flatMap((side) =>
            ([1, 5, 10] as const).map((k) => <td key={`${side}${k}`}>{percent(run.figures[side].recall[k])}</td>),
          )}
          <td>
            <strong>{percent(run.figures.recallSum)}</strong>
            <small>
              {percent(run.interval.low.recallSum)} to {percent(run.interval.high.recallSum)}
            </small>
          </td>
        </tr>
      ))}
    </tbody>
  );
}

function Published() {
  return (
    <tbody class="published">
      <tr>
        <th scope="rowgroup" colSpan={8}>
          As published, not measured here
        </th>
      </tr>
      {report.published.map(({ name, source, dataset, textToImageRecall1 }) => (
        <tr key={name}>
          <th scope="row">
            {name}
            <small>
              {source}, {dataset}
            </small>
          </th>
          <td>{percent(textToImageRecall1)}</td>
          <td colSpan={6} />
        </tr>
      ))}
    </tbody>
  );
}
