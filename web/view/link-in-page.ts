/** Follows a link within the page; with the usual keys held, the browser opens it elsewhere. */
export function inPlace(follow: () => void): (event: MouseEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow();
  };
}
