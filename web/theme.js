// Read before the page is drawn, so that it never flashes in the other colours: 'light', 'dark', or neither for the system's.
'use strict';

(() => {
  let kept = null;
  try {
    kept = localStorage.getItem('lathe-theme');
  } catch {
    // a browser that keeps nothing: the system's colours
  }
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept;
})();
