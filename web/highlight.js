// Colours for code: one small tokenizer for all languages, told by a table how comments, texts and words look. It goes line by line
// and keeps what is open between lines, so that code is coloured while it arrives.

const words = (text) => new Set(text.split(' '));
const cWords = 'break case char const continue default do double else enum extern float for goto if inline int long register return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false NULL';
const cppWords = `${cWords} alignas auto catch class concept constexpr decltype delete explicit export friend final mutable namespace new noexcept nullptr operator override private protected public requires template this throw try typename using virtual co_await co_yield co_return __global__ __device__ __shared__`;
const jsWords = 'as async await break case catch class const continue debugger default delete do else export extends false finally for from function get if import in instanceof let new null of return set static super switch this throw true try typeof undefined var void while with yield interface type enum implements private public protected readonly namespace declare abstract keyof string number boolean any never unknown';
const javaWords = 'abstract assert boolean break byte case catch char class const continue default do double else enum extends false final finally float for if implements import instanceof int interface long native new null package private protected public return short static super switch synchronized this throw throws transient true try var void volatile while record sealed using namespace string bool override virtual async await foreach in is out ref get set';

const slashes = { line: ['//'], block: ['/*', '*/'], quotes: ['"', "'"] };
const hashes = { line: ['#'], quotes: ['"', "'"] };
const languages = {
  c: { ...slashes, words: words(cWords), directive: true },
  cpp: { ...slashes, words: words(cppWords), directive: true },
  js: { ...slashes, quotes: ['"', "'"], long: [['`', '`']], words: words(jsWords) },
  java: { ...slashes, words: words(javaWords) },
  go: { ...slashes, long: [['`', '`']], words: words('break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var true false nil string int int64 float64 bool byte error rune any make len append') },
  rust: { ...slashes, quotes: ['"'], words: words('as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while i32 i64 u8 u32 u64 usize f32 f64 bool str String Vec Option Result Some None Ok Err') },
  swift: { ...slashes, words: words('as associatedtype break case catch class continue default defer do else enum extension fallthrough false fileprivate for func guard if import in init inout internal is let nil override private protocol public return self Self static struct super switch throw throws true try var where while fun val when object companion data sealed suspend null typealias by') },
  php: { ...slashes, line: ['//', '#'], words: words('abstract and array as break case catch class const continue default do echo else elseif extends false final finally fn for foreach function global if implements include interface isset list namespace new null or print private protected public require return static switch this throw true try use var while') },
  python: { ...hashes, long: [['"""', '"""'], ["'''", "'''"]], words: words('False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda match case nonlocal not or pass raise return self try while with yield print len range int str float list dict set tuple') },
  ruby: { ...hashes, words: words('alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield puts require attr_accessor') },
  shell: { ...hashes, words: words('if then else elif fi for in do done while until case esac function return local export set unset echo cd exit source sudo read shift trap') },
  sql: { line: ['--'], block: ['/*', '*/'], quotes: ["'", '"'], anyCase: true, words: words('select from where insert into values update set delete create table drop alter add index primary key foreign references not null default and or in is like between join inner left right full outer on as group by order having limit offset union all distinct case when then else end exists count sum avg min max with view int integer text varchar date begin commit rollback') },
  lua: { line: ['--'], quotes: ['"', "'"], long: [['[[', ']]']], words: words('and break do else elseif end false for function goto if in local nil not or repeat return then true until while') },
  haskell: { line: ['--'], block: ['{-', '-}'], quotes: ['"'], words: words('case class data deriving do else if import in infix instance let module newtype of then type where forall') },
  r: { ...hashes, words: words('if else repeat while function for next break TRUE FALSE NULL NA Inf NaN in library return') },
  yaml: { ...hashes, words: words('true false null yes no on off'), keys: /^(\s*(?:- )?[\w.\-/]+)(?=\s*:)/ },
  toml: { ...hashes, words: words('true false'), keys: /^(\s*[\w.\-]+)(?=\s*=)|^(\s*\[.*\])/ },
  make: { ...hashes, words: words('if else endif foreach endforeach function endfunction set add_executable add_library target_link_libraries include project find_package cmake_minimum_required FROM RUN COPY CMD ENV WORKDIR ENTRYPOINT EXPOSE ARG'), keys: /^([\w./%\-]+)(?=\s*:)/ },
  json: { quotes: ['"'], words: words('true false null') },
  css: { block: ['/*', '*/'], quotes: ['"', "'"], words: words('important'), keys: /^(\s*[\w-]+)(?=\s*:)/ },
  html: { block: ['<!--', '-->'], quotes: ['"', "'"], words: new Set(), tags: true },
  diff: { lines: [[/^\+/, 'added'], [/^-/, 'removed'], [/^(@@|diff|index)/, 'note']] },
};
const names = {
  'c++': 'cpp', cc: 'cpp', cxx: 'cpp', h: 'cpp', hpp: 'cpp', cuda: 'cpp', cu: 'cpp', javascript: 'js', typescript: 'js', ts: 'js', jsx: 'js', tsx: 'js', mjs: 'js', node: 'js',
  'c#': 'java', cs: 'java', csharp: 'java', scala: 'java', dart: 'java', golang: 'go', rs: 'rust', kotlin: 'swift', kt: 'swift', py: 'python', python3: 'python', rb: 'ruby', perl: 'ruby',
  bash: 'shell', sh: 'shell', zsh: 'shell', console: 'shell', powershell: 'shell', mysql: 'sql', sqlite: 'sql', postgresql: 'sql', hs: 'haskell', yml: 'yaml', ini: 'toml', makefile: 'make',
  cmake: 'make', dockerfile: 'make', jsonc: 'json', json5: 'json', scss: 'css', xml: 'html', svg: 'html', vue: 'html', patch: 'diff',
};

// A function from a line to its pieces, [[class, text], ...]; it must see all lines in order.
export function highlighter(language) {
  const name = language.toLowerCase();
  const rules = Object.hasOwn(languages, name) ? languages[name] : Object.hasOwn(names, name) ? languages[names[name]] : null;
  if (!rules) return { open: null, line: (text) => [['', text]] };
  const state = { open: null };  // [class, end] of a comment or text that goes on in the next line
  state.line = (text) => readLine(rules, state, text);
  return state;
}

function readLine(rules, state, text) {
  if (rules.lines) return [[rules.lines.find(([pattern]) => pattern.test(text))?.[1] ?? '', text]];
  const pieces = [];
  const put = (kind, piece) => {
    const last = pieces[pieces.length - 1];
    if (piece === '') return;
    if (last && last[0] === kind) last[1] += piece;
    else pieces.push([kind, piece]);
  };
  let at = 0;
  if (!state.open) {
    const key = rules.keys?.exec(text)?.[0] ?? (rules.directive ? /^\s*#\s*\w+/.exec(text)?.[0] : undefined);
    if (key) {
      put('key', key);
      at = key.length;
    }
  }
  while (at < text.length) {
    if (state.open) {
      const [kind, end] = state.open;
      const stop = text.indexOf(end, at);
      put(kind, stop < 0 ? text.slice(at) : text.slice(at, stop + end.length));
      if (stop < 0) return pieces;
      at = stop + end.length;
      state.open = null;
      continue;
    }
    const starts = (mark) => text.startsWith(mark, at);
    if (rules.line?.some((mark) => starts(mark) && (mark !== '#' || at === 0 || /[\s;]/.test(text[at - 1])))) {
      put('comment', text.slice(at));
      return pieces;
    }
    const long = rules.long?.find(([open]) => starts(open));
    if (long || (rules.block && starts(rules.block[0]))) {
      const [open, close] = long ?? rules.block;
      state.open = [long ? 'text' : 'comment', close];
      put(state.open[0], open);
      at += open.length;
      continue;
    }
    if (rules.quotes?.includes(text[at])) {
      let end = at + 1;
      while (end < text.length && text[end] !== text[at]) end += text[end] === '\\' ? 2 : 1;
      put('text', text.slice(at, end + 1));
      at = end + 1;
      continue;
    }
    const word = /[A-Za-z_$@][\w$]*|\d[\w.]*|<\/?[\w-]+|\s+|[^]/uy;
    word.lastIndex = at;
    const [piece] = word.exec(text);
    const known = rules.words.has(rules.anyCase ? piece.toLowerCase() : piece);
    if (rules.tags && /^<\/?[\w-]/.test(piece)) put('key', piece);
    else if (/^<\/?[\w-]/.test(piece)) { put('', '<'); at += 1; continue; }
    else if (known) put('word', piece);
    else if (/^\d/.test(piece)) put('number', piece);
    else if (/^[A-Za-z_$@]/.test(piece) && text[at + piece.length] === '(') put('call', piece);
    else put('', piece);
    at += piece.length;
  }
  return pieces;
}
