import { render } from 'preact';
import { afterFirstPictures } from './state/first-pictures.ts';
import { lookForCaptions } from './state/has-captions.ts';
import { startLive } from './state/live-updates.ts';
import { startNavigation } from './state/navigation.ts';
import { startPhoto } from './state/open-picture.ts';
import { startLanguage } from './state/page-language.ts';
import { startSearching } from './state/results.ts';
import { startTags } from './state/suggestions.ts';
import { showTheme } from './state/theme.ts';
import { App } from './view/app.tsx';
import { keepFocus } from './view/keep-focus.ts';

showTheme();
startNavigation();
startSearching();
startPhoto();
afterFirstPictures(() => {
  startLive();
  startTags();
  void lookForCaptions();
});
keepFocus();
await startLanguage();
render(<App />, document.getElementById('app')!);
