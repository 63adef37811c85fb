// TeX's names and the characters they stand for.

const table = (text) => new Map(text.trim().split(/\s+/).map((pair) => {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}));

// Set as identifiers.
export const letters = table(`
  alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ omicron=ο pi=π
  varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=ϕ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π
  Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω infty=∞ hbar=ℏ ell=ℓ Re=ℜ Im=ℑ aleph=ℵ beth=ℶ wp=℘ emptyset=∅ varnothing=∅ partial=∂ nabla=∇ top=⊤ bot=⊥
  imath=ı jmath=ȷ angle=∠ triangle=△ square=□ degree=° checkmark=✓ hslash=ℏ`);

// Set as operators.
export const operators = table(`
  cdot=⋅ times=× div=÷ pm=± mp=∓ ast=∗ star=⋆ circ=∘ bullet=∙ oplus=⊕ ominus=⊖ otimes=⊗ odot=⊙ wedge=∧ land=∧ vee=∨ lor=∨ cap=∩ cup=∪ setminus=∖ neg=¬
  lnot=¬ leq=≤ le=≤ geq=≥ ge=≥ neq=≠ ne=≠ equiv=≡ approx=≈ sim=∼ simeq=≃ cong=≅ propto=∝ ll=≪ gg=≫ prec=≺ succ=≻ subset=⊂ supset=⊃ subseteq=⊆
  supseteq=⊇ in=∈ notin=∉ ni=∋ mid=∣ nmid=∤ parallel=∥ perp=⊥ vdash=⊢ models=⊨ to=→ rightarrow=→ leftarrow=← leftrightarrow=↔ gets=← mapsto=↦
  Rightarrow=⇒ Leftarrow=⇐ Leftrightarrow=⇔ implies=⟹ impliedby=⟸ iff=⟺ longrightarrow=⟶ longleftarrow=⟵ Longrightarrow=⟹ uparrow=↑ downarrow=↓
  hookrightarrow=↪ rightharpoonup=⇀ forall=∀ exists=∃ nexists=∄ therefore=∴ because=∵ ldots=… dots=… cdots=⋯ vdots=⋮ ddots=⋱ prime=′ colon=: dagger=†
  langle=⟨ rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ lbrace={ rbrace=} lvert=| rvert=| vert=| lVert=‖ rVert=‖ Vert=‖ backslash=\\ lbrack=[ rbrack=]
  coloneqq=≔ triangleq=≜ doteq=≐ asymp=≍ leqslant=⩽ geqslant=⩾ lesssim=≲ gtrsim=≳ sqcup=⊔ sqcap=⊓ uplus=⊎ rightleftharpoons=⇌ models=⊨ {={ }=} |=‖`);

// Large ones: their limits stand above and below in displayed formulas.
export const largeOperators = table('sum=∑ prod=∏ coprod=∐ bigcup=⋃ bigcap=⋂ bigoplus=⨁ bigotimes=⨂ bigvee=⋁ bigwedge=⋀ bigsqcup=⨆');
export const integrals = table('int=∫ iint=∬ iiint=∭ oint=∮');

// Upright names; those of the second list take their limits below.
export const functionNames = new Set(('sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan log ln lg exp dim ker deg arg hom').split(' '));
export const limitNames = new Set(('lim limsup liminf max min sup inf det gcd Pr argmax argmin').split(' '));

export const accents = table('hat=^ widehat=^ bar=¯ overline=¯ vec=→ overrightarrow=→ dot=˙ ddot=¨ tilde=~ widetilde=~ check=ˇ breve=˘ acute=´ grave=` overbrace=⏞ overleftarrow=←');
export const underAccents = table('underline=_ underbrace=⏟');

export const spaces = new Map([[',', '0.167em'], [':', '0.222em'], ['>', '0.222em'], [';', '0.278em'], ['!', '-0.167em'], [' ', '0.25em'], ['quad', '1em'], ['qquad', '2em'], ['enspace', '0.5em'], ['thinspace', '0.167em']]);

// Letters in other faces: MathML knows them as characters of their own.
const faces = {
  mathbb: [0x1d538, 0x1d552, 0x1d7d8], mathbf: [0x1d400, 0x1d41a, 0x1d7ce], bm: [0x1d400, 0x1d41a, 0x1d7ce], boldsymbol: [0x1d400, 0x1d41a, 0x1d7ce],
  mathcal: [0x1d49c, 0x1d4b6, 0], mathscr: [0x1d49c, 0x1d4b6, 0], mathfrak: [0x1d504, 0x1d51e, 0], mathsf: [0x1d5a0, 0x1d5ba, 0x1d7e2], mathtt: [0x1d670, 0x1d68a, 0x1d7f6],
};
// Those that Unicode had given a place before.
const exceptions = {
  mathbb: { C: 'ℂ', H: 'ℍ', N: 'ℕ', P: 'ℙ', Q: 'ℚ', R: 'ℝ', Z: 'ℤ' },
  mathcal: { B: 'ℬ', E: 'ℰ', F: 'ℱ', H: 'ℋ', I: 'ℐ', L: 'ℒ', M: 'ℳ', R: 'ℛ', e: 'ℯ', g: 'ℊ', o: 'ℴ' },
  mathfrak: { C: 'ℭ', H: 'ℌ', I: 'ℑ', R: 'ℜ', Z: 'ℨ' },
};
exceptions.mathscr = exceptions.mathcal;

export const isFace = (name) => Object.hasOwn(faces, name);

export function inFace(name, letter) {
  const special = exceptions[name]?.[letter];
  if (special) return special;
  const [upper, lower, digit] = faces[name];
  const code = letter.codePointAt(0);
  if (/^[A-Z]$/.test(letter)) return String.fromCodePoint(upper + code - 65);
  if (/^[a-z]$/.test(letter)) return String.fromCodePoint(lower + code - 97);
  if (/^[0-9]$/.test(letter) && digit) return String.fromCodePoint(digit + code - 48);
  return letter;
}
