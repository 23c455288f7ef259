/**
 * Topics, and the sentences on which two auditors may agree or clash. A topic is a question about one file;
 * claims meet only where the topic is the same, and are the same claim only where the sentence is.
 */
export const topics = {
  clickHandler: (page) => `click-handler/${page}`,
  documentWrite: (script) => `document-write/${script}`,
  image: (path) => `image/${path}`,
  library: (name) => `library/${name}`,
  movingImage: (path) => `moving-image/${path}`,
  newWindow: (page) => `new-window/${page}`,
  polyfill: (script) => `polyfill/${script}`,
  scriptPlacement: (page) => `script-placement/${page}`,
  stylePlacement: (page) => `style-placement/${page}`,
  thirdPartyScript: (url) => `third-party-script/${url.replace(/^https?:\/\//, "")}`,
  unusedCss: (sheet) => `unused-css/${sheet}`
}

export const sentences = {
  clickHandler: (page) => `Replace the clickable elements of ${page} by buttons or links with a listener in a file.`,
  documentWrite: (script) => `Replace document.write in ${script} by an element that the script fills.`,
  movingImage: (path) => `Replace the animated ${path} by a still picture or a video that the reader starts.`,
  ownOrigin: (url) => `Serve ${url} from the site's own origin.`,
  polyfill: (script) => `${script} is a polyfill that browsers no longer need, and can be removed.`,
  unusedCss: (sheet) => `Most rules of ${sheet} are unused and can be removed.`
}
