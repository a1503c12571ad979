import { render } from 'preact';
import { finishDeletes } from './state/actions.ts';
import { startLive } from './state/live.ts';
import { startNavigation } from './state/navigation.ts';
import { startPhoto } from './state/photo.ts';
import { afterFirstAnswer, startSearching } from './state/results.ts';
import { showTheme } from './state/session.ts';
import { refreshTags } from './state/suggestions.ts';
import { App } from './view/app.tsx';

showTheme();
startNavigation();
startSearching();
startPhoto();
afterFirstAnswer(() => {
  startLive();
  void refreshTags();
});
addEventListener('pagehide', finishDeletes);
render(<App />, document.getElementById('app')!);
