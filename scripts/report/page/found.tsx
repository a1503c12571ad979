import { type Judged, type JudgedCaption, report } from './judged.ts';
import { Mark, Rank, Thumb } from './parts.tsx';

/** The results of one query. */

/** A picture, its own captions, and the captions it finds. */
export function FoundCaptions({ of }: { of: Judged }) {
  const { index, picture, found } = of;
  return (
    <li class="found-captions">
      <figure>
        <Thumb index={index} />
        <figcaption>
          <Rank rank={of.rank} /> <span class="hint">{picture.image}</span>
        </figcaption>
      </figure>
      <div>
        <p class="over">Its captions</p>
        <ul>
          {picture.captions.map((text, i) => (
            <li key={i}>
              <Rank rank={found.captionRanks[i]!} /> {text}
            </li>
          ))}
        </ul>
      </div>
      <div>
        <p class="over">Found for it</p>
        <ol>
          {found.topCaptions.map(([owner, caption, score]) => (
            <li key={`${owner} ${caption}`} class={owner === index ? 'is-right' : 'is-wrong'}>
              <Mark right={owner === index} /> {report.pictures[owner]!.captions[caption]}{' '}
              <small>{score.toFixed(2)}</small>
            </li>
          ))}
        </ol>
      </div>
    </li>
  );
}

/** A caption and the pictures it finds; its own last if it is not among them. */
export function FoundPictures({ query }: { query: JudgedCaption }) {
  const { of, caption, text, rank, score } = query;
  const answers = of.found.topPictures[caption]!;
  const missing = !answers.some(([answer]) => answer === of.index);
  return (
    <li class="found-pictures">
      <p>
        <Rank rank={rank} /> {text}
      </p>
      <ol class="strip">
        {answers.map(([answer, , likeness]) => (
          <Answer key={answer} index={answer} right={answer === of.index} score={likeness} />
        ))}
        {missing && (
          <>
            <li class="gap" aria-hidden="true">
              …
            </li>
            <Answer index={of.index} right={true} score={score} rank={rank} />
          </>
        )}
      </ol>
    </li>
  );
}

function Answer({ index, right, score, rank }: { index: number; right: boolean; score: number; rank?: number }) {
  return (
    <li class={right ? 'is-right' : 'is-wrong'}>
      <Thumb index={index} />
      <span class="under">
        <Mark right={right} /> {rank !== undefined && <Rank rank={rank} />} <small>{score.toFixed(2)}</small>
      </span>
    </li>
  );
}
