/**
 * Reads TypeScript as far as the architecture test needs it: what it imports, how long its functions are. There is no
 * parser here: comments, texts and regular expressions are blanked out first, so that what is left can be searched by
 * pattern and its brackets counted. Blanking keeps every line and column.
 */

/** An import of any form, type-only ones included. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

/** A function, method or arrow function with a body in braces. */
export interface FunctionSize {
  readonly name: string
  readonly line: number
  /** From the line of its name to that of its closing brace. */
  readonly lines: number
}

/** What may stand before a regular expression; after anything else a slash divides. */
const BEFORE_REGEXP =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|new|yield|await|else|do))$/

/** Parts that are not code, and what may be passed over in one step because it cannot begin one. */
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const QUOTED = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y
const REGEXP = /\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const TEMPLATE_TEXT = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y
const PLAIN = /[^/"'`{}]+|[\s\S]/y

/** Blanks comments, texts and regular expressions; the quotes of texts stay, and what stands in `${}`. */
export function blankNonCode(source: string): string {
  const blanker = new Blanker(source)
  while (!blanker.isAtEnd) blanker.step()
  return blanker.code
}

class Blanker {
  code = ""
  readonly #source: string
  #at = 0
  /** For each template that is open: how many braces are open within its `${}`. */
  readonly #templates: number[] = []

  constructor(source: string) {
    this.#source = source
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length
  }

  step(): void {
    const comment = this.#match(COMMENT)
    const quoted = comment === undefined ? this.#match(QUOTED) : undefined
    if (comment !== undefined) this.#blank(comment)
    else if (quoted !== undefined) this.#passQuoted(quoted)
    else if (!this.#passRegexp()) this.#passCode(this.#match(PLAIN)!)
  }

  #passQuoted(text: string): void {
    const quote = text.slice(0, 1)
    this.#keep(quote)
    this.#blank(text.slice(1, -1))
    this.#keep(quote)
  }

  #passRegexp(): boolean {
    if (this.#source[this.#at] !== "/" || !BEFORE_REGEXP.test(this.code.slice(-200).trimEnd())) return false
    const text = this.#match(REGEXP)
    this.#blank(text ?? "")
    return text !== undefined
  }

  #passCode(text: string): void {
    const depth = this.#templates.pop()
    if (text === "`") {
      if (depth !== undefined) this.#templates.push(depth)
      this.#keep(text)
      this.#passTemplateText()
    } else if (text === "}" && depth === 0) {
      this.#blank(text)
      this.#passTemplateText()
    } else {
      if (depth !== undefined) this.#templates.push(depth + (text === "{" ? 1 : text === "}" ? -1 : 0))
      this.#keep(text)
    }
  }

  /** Passes to the end of the template, or to code within it. */
  #passTemplateText(): void {
    this.#blank(this.#match(TEMPLATE_TEXT) ?? "")
    if (this.#source[this.#at] === "`") {
      this.#keep("`")
    } else {
      this.#blank("${")
      this.#templates.push(0)
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#source)?.[0]
  }

  #keep(text: string): void {
    this.code += text
    this.#at += text.length
  }

  #blank(text: string): void {
    this.code += text.replace(/[^\n]/g, " ")
    this.#at += text.length
  }
}

/** Tells the line of a place in a text, from 1. */
const lineAt = (text: string, at: number): number => text.slice(0, at).split("\n").length

/** Lists what a source imports: from "…", import "…", require("…") and import("…"). */
export function listImports(source: string, code = blankNonCode(source)): Import[] {
  const found = [...code.matchAll(/\b(?:from|import|(?:import|require)\s*\()\s*(["'])\s*\1/g)]
  return found.map(match => {
    const end = match.index + match[0].length - 1
    const start = match.index + match[0].indexOf(match[1]!) + 1
    return { specifier: source.slice(start, end), line: lineAt(source, match.index) }
  })
}

const CONTROL = new Set(["if", "for", "while", "switch", "catch", "with", "await", "return"])

/** Lists functions that have a body in braces, with their lengths. */
export function listFunctions(source: string, code = blankNonCode(source)): FunctionSize[] {
  const pairs = pairBrackets(code)
  const size = (name: string, start: number, open: number): FunctionSize => {
    const line = lineAt(code, start)
    return { name, line, lines: lineAt(code, pairs.get(open) ?? code.length) - line + 1 }
  }
  const named = [...code.matchAll(/([#\w$]+)\s*(?:<[^()=;{}]*>)?\s*\(/g)].flatMap(match => {
    const close = pairs.get(match.index + match[0].length - 1)
    const open = close === undefined || CONTROL.has(match[1]!) ? undefined : findBody(code, close + 1, pairs)
    return open === undefined ? [] : [size(match[1]!, match.index, open)]
  })
  const arrows = [...code.matchAll(/(?:(?:const|let)\s+([\w$]+)[^\n]*)?=>\s*\{/g)].map(match =>
    size(match[1] ?? "an arrow function", match.index, match.index + match[0].length - 1),
  )
  return [...named, ...arrows]
}

/** Words behind which a type still has to come. */
const BEFORE_TYPE = new Set(["readonly", "keyof", "typeof", "is", "asserts", "extends", "infer", "unique", "new"])

/** Finds the brace of a body behind a parameter list, past a return type, which may have braces of its own. */
function findBody(code: string, from: number, pairs: ReadonlyMap<number, number>): number | undefined {
  const token = /\s*([\w$.]+|"\s*"|=>|\S)/y
  token.lastIndex = from
  let wantsType = false
  for (let match = token.exec(code); match; match = token.exec(code)) {
    const [, text = ""] = match
    const at = token.lastIndex - text.length
    const isFirst = match.index === from
    if (isFirst && text !== "{" && text !== ":") return undefined
    if (text === "{" && !wantsType) return at
    if ("{([".includes(text)) token.lastIndex = (pairs.get(at) ?? code.length) + 1
    else if (/^[\w$."]/.test(text) && !wantsType && text !== "is") return undefined
    else if (!/^(?:[\w$."].*|=>|[:|&?<>,])$/.test(text)) return undefined
    wantsType = /^(?:=>|[:|&?<,])$/.test(text) || BEFORE_TYPE.has(text)
  }
  return undefined
}

/** Pairs each opening bracket of code with its closing one. */
function pairBrackets(code: string): Map<number, number> {
  const pairs = new Map<number, number>()
  const open: number[] = []
  for (const { 0: bracket, index } of code.matchAll(/[()[\]{}]/g)) {
    if ("([{".includes(bracket)) open.push(index)
    else {
      const start = open.pop()
      if (start !== undefined) pairs.set(start, index)
    }
  }
  return pairs
}
