import { render } from 'preact';
import { finishDeletes } from './state/actions.ts';
import { lookForCaptions } from './state/has-captions.ts';
import { startLive } from './state/live-updates.ts';
import { startNavigation } from './state/navigation.ts';
import { startPhoto } from './state/open-picture.ts';
import { afterFirstAnswer, startSearching } from './state/results.ts';
import { showTheme } from './state/session.ts';
import { startTags } from './state/suggestions.ts';
import { App } from './view/app.tsx';
import { keepFocus } from './view/keep-focus.ts';

showTheme();
startNavigation();
startSearching();
startPhoto();
afterFirstAnswer(() => {
  startLive();
  startTags();
  void lookForCaptions();
});
addEventListener('pagehide', finishDeletes);
keepFocus();
render(<App />, document.getElementById('app')!);
