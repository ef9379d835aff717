/**
 * Go's regular expressions (the package regexp/syntax, RE2's syntax), for one question: does a pattern match anywhere in a
 * text? That is what the allow list asks, and greediness and captures make no difference to it.
 *
 *   pattern ─ Parser ─► steps: fit a character, hold a condition, or go on at other steps ─ matches() ─► yes or no
 *
 * All ways through the steps are followed at once, so the time grows with the lengths of pattern and text only. JavaScript's
 * own expressions differ in syntax and meaning, and one of them may take for ever. Unicode's classes (`\pL`) are refused.
 */

/** One step. Numbers of steps are relative, so that steps can be put together; past the last one the pattern has matched. */
interface Step {
  /** Takes a character that fits. */
  readonly fits?: Fits
  /** Goes on if the characters on both sides are as wanted; EDGE is the text's beginning and end. */
  readonly holds?: (before: number, after: number) => boolean
  /** Goes on at each of these. */
  readonly ways?: readonly number[]
}

/** Tells whether a code point belongs to a class. */
type Fits = (character: number) => boolean

const EDGE = -1
const NEWLINE = 10

/** Larger patterns are refused: repetitions of repetitions multiply. */
const MAX_STEPS = 20_000
/** As in Go. */
const MAX_REPEAT = 1000
/** Groups within groups; Go allows 1000. */
const MAX_DEPTH = 100

/** A pattern is none of Go's. */
export class PatternError extends Error {
  override readonly name = "PatternError"

  constructor(reason: string, part: string) {
    super(`error parsing regexp: ${reason}: \`${part}\``)
  }
}

/** Reads a pattern. @returns what tells whether a text holds a match @throws {PatternError} */
export function parseGoPattern(pattern: string): (text: string) => boolean {
  const steps = new Parser(pattern).parse()
  return text => matches(steps, text)
}

function matches(steps: readonly Step[], text: string): boolean {
  const characters = Array.from(text, each => each.codePointAt(0)!)
  let reached: number[] = []
  for (let at = 0; at <= characters.length; at++) {
    const before = characters[at - 1] ?? EDGE
    const after = characters[at] ?? EDGE
    const open = [...reached, 0]
    const seen = new Set<number>()
    reached = []
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen.has(index)) continue
      seen.add(index)
      const step = steps[index]
      if (step === undefined) return true
      for (const way of step.ways ?? []) open.push(index + way)
      if (step.holds?.(before, after)) open.push(index + 1)
      if (after !== EDGE && step.fits?.(after)) reached.push(index + 1)
    }
  }
  return false
}

/** Pairs of first and last characters. */
const DIGIT = "09"
const WORD = "09AZ__az"

const within =
  (pairs: string): Fits =>
  character => {
    for (let i = 0; i < pairs.length; i += 2) {
      if (character >= pairs.charCodeAt(i) && character <= pairs.charCodeAt(i + 1)) return true
    }
    return false
  }

const not =
  (fits: Fits): Fits =>
  character =>
    !fits(character)

const isWord = within(WORD)

/** Gives what `\A`, `\z`, `\b` and `\B` hold the place against. */
function conditionOf(letter: string): Step | undefined {
  if (letter === "A") return { holds: before => before === EDGE }
  if (letter === "z") return { holds: (_, after) => after === EDGE }
  if (letter === "b") return { holds: (before, after) => isWord(before) !== isWord(after) }
  if (letter === "B") return { holds: (before, after) => isWord(before) === isWord(after) }
  return undefined
}

/** Writes what stands between `\Q` and `\E`, where all characters stand for themselves, one by one. */
function withoutQuotes(pattern: string): string {
  return pattern.replace(/\\Q([\s\S]*?)(?:\\E|$)|\\[\s\S]/g, (other, quoted: string | undefined) =>
    quoted === undefined ? other : quoted.replace(/[^\w\u0080-\uffff]/g, "\\$&"),
  )
}

class Parser {
  readonly #pattern: string
  #at = 0
  #depth = 0
  /** The letters of the flags that are on. */
  #flags = ""

  constructor(pattern: string) {
    this.#pattern = withoutQuotes(pattern)
  }

  parse(): readonly Step[] {
    const steps = this.#alternatives()
    if (this.#at < this.#pattern.length) throw new PatternError("unexpected )", this.#pattern)
    return steps
  }

  /** Reads to the end of the pattern or of the group. */
  #alternatives(): Step[] {
    let steps = this.#sequence()
    while (this.#take("|")) {
      const other = this.#sequence()
      steps = [{ ways: [1, steps.length + 2] }, ...steps, { ways: [other.length + 1] }, ...other]
    }
    return steps
  }

  #sequence(): Step[] {
    const steps: Step[] = []
    while (this.#at < this.#pattern.length && !")|".includes(this.#next())) {
      for (const step of this.#repeated()) steps.push(step)
      if (steps.length > MAX_STEPS) throw new PatternError("expression too large", this.#pattern)
    }
    return steps
  }

  #repeated(): Step[] {
    const from = this.#at
    if (this.#operator()) throw new PatternError("missing argument to repetition operator", this.#since(from))
    const steps = this.#atom()
    const end = this.#at
    const operator = this.#operator()
    if (!operator) return steps
    const what = this.#since(end)
    this.#take("?")
    if (this.#operator()) throw new PatternError("invalid nested repetition operator", this.#since(end))
    // Go would repeat what stands before the flags.
    if (steps.length === 0) throw new PatternError("missing argument to repetition operator", what)
    const [, sign, least, comma, most] = operator
    if (sign !== undefined) return repeat(steps, sign === "+" ? 1 : 0, sign === "?" ? 1 : undefined)
    const low = Number(least)
    const high = comma === undefined ? low : most === undefined ? undefined : Number(most)
    if (Math.max(low, high ?? 0) > MAX_REPEAT || (high ?? low) < low) {
      throw new PatternError("invalid repeat count", operator[0])
    }
    if (steps.length * Math.max(low, high ?? 0) > MAX_STEPS) throw new PatternError("expression too large", what)
    return repeat(steps, low, high)
  }

  #operator(): RegExpExecArray | null {
    return this.#scan(/([*+?])|\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/y)
  }

  #atom(): Step[] {
    const next = this.#next()
    if (next === "(") return this.#group()
    if (next === "[") return [{ fits: this.#class() }]
    if (next === "\\") return this.#escape()
    this.#at += next.length
    const isMultiline = this.#has("m")
    if (next === "^") return [{ holds: before => before === EDGE || (isMultiline && before === NEWLINE) }]
    if (next === "$") return [{ holds: (_, after) => after === EDGE || (isMultiline && after === NEWLINE) }]
    if (next === ".") return [{ fits: this.#has("s") ? () => true : character => character !== NEWLINE }]
    return [this.#literal(next)]
  }

  #group(): Step[] {
    const from = this.#at
    const outside = this.#flags
    const flags = this.#scan(/\(\?([imsU]*)(?:-([imsU]+))?([:)])/y)
    if (flags) {
      const [, on = "", off = "", end] = flags
      this.#flags = [...outside, ...on].filter(flag => !off.includes(flag)).join("")
      if (end === ")") return []
    } else if (!this.#scan(/\(\?P?<\w+>/y)) {
      this.#at++
      if (this.#next() === "?") throw new PatternError("invalid or unsupported Perl syntax", this.#since(from, 3))
    }
    if (++this.#depth > MAX_DEPTH) throw new PatternError("expression nests too deeply", this.#pattern)
    const steps = this.#alternatives()
    if (!this.#take(")")) throw new PatternError("missing closing )", this.#pattern)
    this.#depth--
    this.#flags = outside
    // A group matches, and may be repeated, though nothing is in it.
    return steps.length === 0 ? [{ ways: [1] }] : steps
  }

  #escape(): Step[] {
    const letter = this.#pattern[this.#at + 1] ?? ""
    const condition = conditionOf(letter)
    const perl = condition ?? this.#perlClass()
    if (condition) this.#at += 2
    if (perl) return [typeof perl === "function" ? { fits: perl } : perl]
    return [{ fits: this.#folded(is(this.#escapedCharacter())) }]
  }

  #literal(character: string): Step {
    return { fits: this.#folded(is(character.codePointAt(0)!)) }
  }

  #class(): Fits {
    const from = this.#at++
    const isNegated = this.#take("^")
    const parts: Fits[] = []
    for (let isFirst = true; isFirst || this.#next() !== "]"; isFirst = false) {
      if (this.#at >= this.#pattern.length) throw new PatternError("missing closing ]", this.#since(from))
      parts.push(this.#posixClass() ?? this.#perlClass() ?? this.#range())
    }
    this.#at++
    const fits: Fits = character => parts.some(part => part(character))
    return isNegated ? not(fits) : fits
  }

  #range(): Fits {
    const from = this.#at
    const low = this.#classCharacter()
    if (this.#next() !== "-" || [undefined, "]"].includes(this.#pattern[this.#at + 1])) return this.#folded(is(low))
    this.#at++
    const high = this.#classCharacter()
    if (high < low) throw new PatternError("invalid character class range", this.#since(from))
    return this.#folded(character => character >= low && character <= high)
  }

  #classCharacter(): number {
    if (this.#next() === "\\") return this.#escapedCharacter()
    const character = this.#next()
    this.#at += character.length
    return character.codePointAt(0)!
  }

  #posixClass(): Fits | undefined {
    const found = this.#scan(/\[:(\^?)(.*?):\]/y)
    if (!found) return undefined
    const [all, caret, name = ""] = found
    const pairs = posixPairs(name)
    if (pairs === undefined) throw new PatternError("invalid character class range", all)
    const fits = this.#folded(within(pairs))
    return caret === "" ? fits : not(fits)
  }

  #perlClass(): Fits | undefined {
    const [backslash, letter = ""] = this.#pattern.slice(this.#at, this.#at + 2)
    if (backslash !== "\\" || !/[dswDSWpP]/.test(letter)) return undefined
    if (/p/i.test(letter)) throw new PatternError("Unicode classes are not supported here", this.#since(this.#at, 2))
    this.#at += 2
    const small = letter.toLowerCase()
    const fits = this.#folded(within(small === "d" ? DIGIT : small === "s" ? "\t\n\f\r  " : WORD))
    return small === letter ? fits : not(fits)
  }

  #escapedCharacter(): number {
    const from = this.#at
    const number = this.#scan(/\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]+)\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/y)
    if (number) {
      const [, two, any, octal = ""] = number
      const hex = two ?? any
      const value = hex === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex, 16)
      if (value <= 0x10ffff) return value
      throw new PatternError("invalid escape sequence", number[0])
    }
    const character = this.#pattern[this.#at + 1]
    if (character === undefined) throw new PatternError("trailing backslash at end of expression", "")
    this.#at += 2
    const control = "abtnvfr".indexOf(character)
    if (control >= 0 && character !== "b") return 7 + control
    if (/[^0-9A-Za-z\u0080-\uffff]/.test(character)) return character.charCodeAt(0)
    throw new PatternError("invalid escape sequence", this.#since(from))
  }

  /** Lets a class take the other case too, if the flag says so. */
  #folded(fits: Fits): Fits {
    if (!this.#has("i")) return fits
    return character => {
      const text = String.fromCodePoint(character)
      return [text, text.toLowerCase(), text.toUpperCase()].some(each => fits(each.codePointAt(0)!))
    }
  }

  #has(flag: string): boolean {
    return this.#flags.includes(flag)
  }

  /** The next character, of one or two code units; "" at the end. */
  #next(): string {
    const code = this.#pattern.codePointAt(this.#at)
    return code === undefined ? "" : String.fromCodePoint(code)
  }

  #take(character: string): boolean {
    if (this.#next() !== character) return false
    this.#at++
    return true
  }

  #scan(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at
    const found = expression.exec(this.#pattern)
    if (found) this.#at = expression.lastIndex
    return found
  }

  #since(from: number, more = 0): string {
    return this.#pattern.slice(from, Math.max(this.#at, from + more))
  }
}

/** Gives the pairs of a POSIX class. */
function posixPairs(name: string): string | undefined {
  const all: { readonly [name: string]: string } = {
    alnum: "09AZaz",
    alpha: "AZaz",
    ascii: "\0\x7f",
    blank: "\t\t  ",
    cntrl: "\0\x1f\x7f\x7f",
    digit: DIGIT,
    graph: "!~",
    lower: "az",
    print: " ~",
    punct: "!/:@[`{~",
    space: "\t\r  ",
    upper: "AZ",
    word: WORD,
    xdigit: "09AFaf",
  }
  return Object.hasOwn(all, name) ? all[name] : undefined
}

const is =
  (wanted: number): Fits =>
  character =>
    character === wanted

/** @param most undefined for any number */
function repeat(steps: readonly Step[], least: number, most: number | undefined): Step[] {
  const all: Step[] = []
  const add = (more: readonly Step[]) => {
    for (const step of more) all.push(step)
  }
  for (let i = 0; i < least; i++) add(steps)
  if (most === undefined) add([{ ways: [1, steps.length + 2] }, ...steps, { ways: [-steps.length - 1] }])
  for (let i = least; i < (most ?? 0); i++) add([{ ways: [1, steps.length + 1] }, ...steps])
  return all
}
