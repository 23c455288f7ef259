/**
 * Findings as auditors word them. In each group every one of `same` says the same as the others in other words; each of `other` is
 * about the same thing and says something else: another value, another place, the opposite, another remedy.
 */
export const groups: ReadonlyArray<{ readonly same: ReadonlyArray<string>; readonly other: ReadonlyArray<string> }> = [
  // accessibility
  {
    same: ["Images lack alternative text", "Images have no alt text", "Alt text is missing on images"],
    other: ["Images have alternative text that repeats the caption", "Images lack width and height"]
  },
  {
    same: ["Form fields have no labels", "Labels are missing from the form fields", "The form's fields lack a label"],
    other: ["Form fields have no autocomplete", "Form labels are too pale"]
  },
  {
    same: ["The page has no main heading", "The page lacks an h1 heading", "A main heading is missing on the page"],
    other: ["The page has two main headings", "The page has no main landmark"]
  },
  {
    same: ["Text contrast is too low", "The contrast of the text is insufficient", "Insufficient text contrast"],
    other: ["Text is too small", "Button contrast is too low"]
  },
  {
    same: ["Focus is not visible on links", "Links show no visible focus", "No focus is visible on the links"],
    other: ["Focus is trapped in the dialog", "Links are not underlined"]
  },
  {
    same: [
      "The menu cannot be reached by keyboard",
      "Keyboard users cannot reach the menu",
      "The menu is not reachable with the keyboard"
    ],
    other: ["The menu cannot be closed by keyboard", "The search box cannot be reached by keyboard"]
  },
  {
    same: ["The video has no captions", "Captions are missing for the video", "The video lacks captions"],
    other: ["The video has no transcript", "The video starts by itself"]
  },
  {
    same: [
      "The document has no language attribute",
      "The language attribute is missing on the document",
      "The document lacks a lang attribute"
    ],
    other: ["The document has no title", "The document has the wrong language attribute"]
  },
  {
    same: [
      "Links open a new window without warning",
      "Without warning, links open a new window",
      "The links open new windows without a warning"
    ],
    other: ["Links open a new window without rel=noopener", "Links open in the same window"]
  },
  {
    same: [
      "Tab order does not follow the layout",
      "The tab order doesn't follow the layout",
      "The order of tabs does not follow the page's layout"
    ],
    other: ["Tab order follows the layout", "Reading order does not follow the layout"]
  },
  // security
  {
    same: [
      "User input is not escaped in the search results",
      "Search results show user input unescaped",
      "The search results do not escape user input"
    ],
    other: ["User input is escaped in the search results", "User input is not escaped in the error log"]
  },
  {
    same: [
      "The session cookie is not HttpOnly",
      "The session cookie lacks the HttpOnly flag",
      "HttpOnly is not set on the session cookie"
    ],
    other: ["The session cookie is not Secure", "The CSRF cookie is not HttpOnly"]
  },
  {
    same: [
      "The login form is sent without encryption",
      "The login form is sent unencrypted",
      "Login form data is sent without encryption"
    ],
    other: ["The contact form is sent without encryption", "The login form is sent without a CSRF token"]
  },
  {
    same: [
      "jQuery 3.4.1 has known vulnerabilities",
      "Known vulnerabilities affect jQuery 3.4.1",
      "There are known vulnerabilities in jQuery 3.4.1"
    ],
    other: ["jQuery 3.5.0 has known vulnerabilities", "lodash 3.4.1 has known vulnerabilities"]
  },
  {
    same: ["Upgrade lodash to 4.17.21", "Update lodash to version 4.17.21", "lodash should be upgraded to 4.17.21"],
    other: ["Remove lodash", "Upgrade lodash to 4.17.15"]
  },
  {
    same: [
      "Passwords are stored in plain text",
      "Passwords are stored as plain text",
      "The passwords are stored in plaintext"
    ],
    other: ["Passwords are logged in plain text", "Passwords are stored as unsalted hashes"]
  },
  {
    same: [
      "The API key is committed to the repository",
      "An API key is in the repository",
      "The repository contains an API key"
    ],
    other: ["The API key is printed to the log", "The private key is committed to the repository"]
  },
  {
    same: [
      "There is no rate limit on the login endpoint",
      "The login endpoint has no rate limiting",
      "Rate limiting is missing on the login endpoint"
    ],
    other: ["The login endpoint has a rate limit", "There is no rate limit on the upload endpoint"]
  },
  {
    same: [
      "No content security policy is set",
      "The content security policy is missing",
      "There is no Content-Security-Policy"
    ],
    other: ["The content security policy allows inline scripts", "No referrer policy is set"]
  },
  {
    same: [
      "The query is built by concatenating user input",
      "User input is concatenated into the query",
      "The query concatenates user input"
    ],
    other: ["The query is built with bound parameters", "The shell command is built by concatenating user input"]
  },
  {
    same: [
      "eval is called on text from the location",
      "Text from the location reaches eval",
      "The script evals text from the location"
    ],
    other: ["innerHTML is set to text from the location", "eval is called on text from the server"]
  },
  {
    same: [
      "Uploaded files are not checked for their type",
      "The type of uploaded files is not checked",
      "File uploads are not checked for type"
    ],
    other: ["Uploaded files are not checked for their size", "Uploaded files are checked for their type"]
  },
  // performance
  {
    same: [
      "Style sheets block the first paint",
      "The first paint is blocked by style sheets",
      "Stylesheets block first paint"
    ],
    other: ["Scripts block the first paint", "Style sheets block nothing"]
  },
  {
    same: [
      "The hero image is larger than it is shown",
      "The hero image is bigger than shown",
      "The hero image is larger than displayed"
    ],
    other: ["The hero image is smaller than it is shown", "The logo is larger than it is shown"]
  },
  {
    same: ["Images are not lazily loaded", "Images are not loaded lazily", "Lazy loading is not used for images"],
    other: ["Images are lazily loaded above the fold", "Frames are not lazily loaded"]
  },
  {
    same: ["Most CSS rules are unused", "Most of the CSS rules are not used", "The majority of CSS rules is unused"],
    other: ["Most CSS rules are duplicated", "Most JavaScript is unused"]
  },
  {
    same: [
      "Static files are served without caching",
      "Static files are not cached",
      "No caching is used for static files"
    ],
    other: ["Static files are served without compression", "API answers are served without caching"]
  },
  {
    same: ["Text is sent uncompressed", "Text is sent without compression", "Text responses are not compressed"],
    other: ["Text is sent twice", "Images are sent uncompressed"]
  },
  {
    same: ["The page makes 64 requests", "64 requests are made by the page", "The page sends 64 requests"],
    other: ["The page makes 12 requests", "The page has 64 errors"]
  },
  {
    same: [
      "Fonts are loaded from a third party",
      "The fonts are loaded from a third-party host",
      "Third-party fonts are loaded"
    ],
    other: ["Fonts are loaded from the site itself", "Scripts are loaded from a third party"]
  },
  {
    same: [
      "The database query runs once for each row",
      "A database query is run for every row",
      "The query to the database runs once per row"
    ],
    other: ["The database query has no index", "The database query runs once for each page"]
  },
  {
    same: [
      "The response takes over 2 seconds",
      "The response takes more than 2 seconds",
      "It takes over 2 seconds to respond"
    ],
    other: ["The response takes over 5 seconds", "The response takes under 2 seconds"]
  },
  // reliability and code
  {
    same: [
      "Errors of the payment service are swallowed",
      "The payment service's errors are swallowed",
      "Payment service errors are silently swallowed"
    ],
    other: ["Errors of the payment service are logged", "Errors of the mail service are swallowed"]
  },
  {
    same: ["The request has no timeout", "There is no timeout on the request", "The request lacks a timeout"],
    other: ["The request has a timeout of 30 s", "The request has no retry"]
  },
  {
    same: [
      "The file is not closed after an error",
      "After an error the file is not closed",
      "The file stays open after errors"
    ],
    other: ["The file is closed after an error", "The connection is not closed after an error"]
  },
  {
    same: [
      "Two threads write the counter without a lock",
      "The counter is written by two threads without locking",
      "Without a lock, two threads write to the counter"
    ],
    other: ["Two threads read the counter without a lock", "Two processes write the log without a lock"]
  },
  {
    same: [
      "The tests do not cover the retry path",
      "The retry path is not covered by tests",
      "No test covers the retry path"
    ],
    other: ["The tests cover the retry path", "The tests do not cover the parser"]
  },
  {
    same: [
      "The function has a cyclomatic complexity of 41",
      "Its cyclomatic complexity is 41",
      "The cyclomatic complexity of the function is 41"
    ],
    other: ["The function has a cyclomatic complexity of 14", "The function has 41 lines"]
  },
  {
    same: [
      "The parser crashes on empty input",
      "Empty input crashes the parser",
      "The parser crashes when the input is empty"
    ],
    other: ["The parser hangs on empty input", "The parser crashes on large input"]
  },
  {
    same: [
      "Session timeout is 30 seconds",
      "The session times out after 30 seconds",
      "The timeout of the session is 30 seconds"
    ],
    other: ["Session timeout is 5 minutes", "The request timeout is 30 seconds"]
  },
  {
    same: ["Remove the polyfill", "Delete the polyfill", "The polyfill should be removed"],
    other: ["Keep the polyfill", "Inline the polyfill"]
  },
  {
    same: [
      "Move inline styles to a file",
      "Inline styles should be moved to a file",
      "Move the inline styles into a stylesheet file"
    ],
    other: ["Inline the critical styles", "Move inline scripts to a file"]
  },
  {
    same: [
      "Replace document.write by an element",
      "document.write should be replaced with an element",
      "Replace document.write with an element"
    ],
    other: ["Remove document.write", "Replace innerHTML by an element"]
  },
  {
    same: ["The backup is never tested", "Nobody tests the backup", "The backup is not tested"],
    other: ["The backup is never encrypted", "The backup is tested weekly"]
  },
  {
    same: ["Dependencies are not pinned", "Dependency versions are not pinned", "The dependencies are unpinned"],
    other: ["Dependencies are pinned", "Dependencies are outdated"]
  }
]

/** The same findings as people word them who have not read each other: few words in common. */
export const free: ReadonlyArray<readonly [string, string]> = [
  ["Images lack alternative text", "Screen readers announce nothing for the pictures"],
  ["Form fields have no labels", "Inputs are not associated with a caption"],
  ["The page has no main heading", "An h1 should be there and is not"],
  ["Text contrast is too low", "Grey on white is hard to read"],
  ["Focus is not visible on links", "You cannot see which link is focused"],
  ["The menu cannot be reached by keyboard", "Navigation works with a mouse only"],
  ["The video has no captions", "Deaf visitors get nothing from the clip"],
  ["User input is not escaped in the search results", "Reflected XSS in search"],
  ["The session cookie is not HttpOnly", "Scripts can read the session cookie"],
  ["The login form is sent without encryption", "Credentials travel over plain HTTP"],
  ["jQuery 3.4.1 has known vulnerabilities", "CVE-2020-11022 affects the bundled jQuery"],
  ["Upgrade lodash to 4.17.21", "Bump lodash"],
  ["Passwords are stored in plain text", "The password column is not hashed"],
  ["The API key is committed to the repository", "A secret is checked in"],
  ["There is no rate limit on the login endpoint", "Logins can be brute-forced"],
  ["No content security policy is set", "CSP header absent"],
  ["The query is built by concatenating user input", "SQL injection"],
  ["eval is called on text from the location", "Code execution through the URL"],
  ["Uploaded files are not checked for their type", "Any file can be uploaded"],
  ["Style sheets block the first paint", "CSS is render-blocking"],
  ["The hero image is larger than it is shown", "The hero is downscaled by the browser"],
  ["Images are not lazily loaded", "Pictures below the fold are fetched at once"],
  ["Most CSS rules are unused", "The stylesheet is mostly dead code"],
  ["Static files are served without caching", "No Cache-Control on assets"],
  ["Text is sent uncompressed", "gzip is off"],
  ["The page makes 64 requests", "Too many round trips"],
  ["Fonts are loaded from a third party", "Web fonts come from another host"],
  ["The database query runs once for each row", "N+1 queries"],
  ["The response takes over 2 seconds", "The server is slow to answer"],
  ["Errors of the payment service are swallowed", "A failing payment goes unnoticed"],
  ["The request has no timeout", "A hanging server blocks the client for ever"],
  ["The file is not closed after an error", "File descriptors leak"],
  ["Two threads write the counter without a lock", "Race condition on the counter"],
  ["The tests do not cover the retry path", "Retries are untested"],
  ["The function has a cyclomatic complexity of 41", "The function branches too much"],
  ["The parser crashes on empty input", "An empty file makes parsing fail"],
  ["Session timeout is 30 seconds", "Users are logged out after half a minute"],
  ["Remove the polyfill", "The polyfill is no longer needed"],
  ["Move inline styles to a file", "Styles belong in a stylesheet"],
  ["The backup is never tested", "Nobody has tried to restore"],
  ["Dependencies are not pinned", "Version ranges float"]
]

export interface Pair {
  readonly a: string
  readonly b: string
  readonly kind: "reworded" | "free" | "different"
}

export const pairs: ReadonlyArray<Pair> = [
  ...groups.flatMap(({ other, same }) => [
    ...same.flatMap((a, index) => same.slice(index + 1).map((b) => ({ a, b, kind: "reworded" as const }))),
    ...same.flatMap((a) => other.map((b) => ({ a, b, kind: "different" as const })))
  ]),
  ...free.map(([a, b]) => ({ a, b, kind: "free" as const }))
]
