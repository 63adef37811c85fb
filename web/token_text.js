// Tokens of a stream's logprobs, and the texts from which branches go on.

const plain = ({ token, logprob, bytes }) => ({ text: String(token), logprob: Number.isFinite(logprob) ? logprob : -100, bytes: Array.isArray(bytes) ? bytes : undefined });

// OpenAI's `logprobs` of a chunk, as the page keeps it.
export const readTokens = (logprobs) => (logprobs?.content ?? []).map((token) => ({ ...plain(token), top: (token.top_logprobs ?? []).map(plain) }));

// Alternatives that end an answer have no text of their own.
export const endsAnswer = ({ text }) => /^<\|(?!python|output).*(end|eos|eot|bos).*\|>$|^<\/s>$/i.test(text);
const isSpecial = ({ text }) => /^<\|.*\|>$|^<\/?s>$/.test(text);

// The answer up to token `at` (not with it) and then `other`; null when that is no text: half a character, or a special token.
export function alternativeText(node, at, other) {
  if (other && isSpecial(other)) return null;
  const said = node.tokens.map((token) => token.text).join('');
  const before = node.content.endsWith(said) ? node.content.slice(0, node.content.length - said.length) : '';
  const parts = [...node.tokens.slice(0, at), ...(other ? [other] : [])];
  if (!parts.every((token) => token.bytes)) return before + parts.map((token) => token.text).join('');
  try {
    return before + new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(parts.flatMap((token) => token.bytes)));
  } catch {
    return null;
  }
}
