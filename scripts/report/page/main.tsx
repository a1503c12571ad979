import { render } from 'preact';
import { CurvesSection } from './curves.tsx';
import { BrowserSection } from './data-browser.tsx';
import { FiguresSection } from './figures.tsx';
import { plural, report } from './judged.ts';
import { CaptionQueries, CasesSection, PictureQueries } from './queries.tsx';
import { RanksSection } from './ranks.tsx';
import { RecipesSection } from './recipes.tsx';
import { SimilaritySection } from './similarity.tsx';

const LINKS: readonly (readonly [string, string])[] = [
  ['figures', 'Figures'],
  ['training', 'Training'],
  ['recipes', 'Recipes'],
  ['similarity', 'Similarity'],
  ['ranks', 'Ranks'],
  ['cases', 'Best and worst'],
  ['pictures', 'Picture to text'],
  ['captions', 'Text to picture'],
  ['data-browser', 'Data'],
];

function Report() {
  const run = report.runs[0]!;
  return (
    <>
      <a class="skip-link" href="#figures">
        Skip to the figures
      </a>
      <header class="top">
        <h1>{report.title}</h1>
        <p class="hint">
          Recipe {run.recipe} on {run.encoders.text} and {run.encoders.image}, {run.dimension} dimensions, space{' '}
          <code>{run.space}</code>; {plural(run.figures.imageToText.queries, 'picture')} with{' '}
          {plural(run.figures.textToImage.queries, 'caption')}
        </p>
      </header>
      <nav class="contents" aria-label="Sections">
        {LINKS.map(([id, name]) => (
          <a key={id} href={`#${id}`}>
            {name}
          </a>
        ))}
      </nav>
      <main>
        <FiguresSection />
        <CurvesSection />
        <RecipesSection />
        <SimilaritySection />
        <RanksSection />
        <CasesSection />
        <PictureQueries />
        <CaptionQueries />
        <BrowserSection />
      </main>
      <footer class="hint">
        Made by <code>npm run report</code>. How it is judged is written down in docs/evaluation.md.
      </footer>
    </>
  );
}

render(<Report />, document.getElementById('report')!);
