/**
 * Takes secrets out of text that is about to be written to a log. A safety net: nothing should put
 * a secret into a log line in the first place.
 *
 * @module
 */

const REDACTIONS: readonly (readonly [RegExp, string])[] = [
  // API keys of every kind begin alike; the public part may stay, since keys are told apart by it.
  [/\b(flx_[a-z]+_[A-Za-z0-9]{0,12})[A-Za-z0-9_-]*/g, "$1…"],
  // JSON Web Tokens: two base64url objects and a signature.
  [/\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?/g, "eyJ…"],
  [/\b(bearer\s+)[^\s"',;]+/gi, "$1…"],
  // Passwords in URLs, whatever the scheme.
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"']*:)[^\s@"']*@/gi, "$1…@"],
  // Fields of objects and settings of connection strings that are secrets by their name, also
  // where JSON stands as text in JSON, with backslashes before its quotes.
  [
    /(\b(?:password|passwd|pwd|secret|token|api_?key|authorization|x-user-jwt)\\*["']?\s*[:=]\s*)(?:\\+"(?:(?!\\+").)*\\+"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&}"'\\]+)/gi,
    '$1"…"',
  ],
  // One-time codes in addresses.
  [/([#?&](?:code|ticket)=)[^\s&"'\\]+/gi, "$1…"],
];

/** The text with everything that looks like a key, token or password replaced by `…`. */
export function redact(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of REDACTIONS) clean = clean.replace(pattern, replacement);
  return clean;
}
