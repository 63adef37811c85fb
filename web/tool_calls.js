// An answer's text holds the calculator's calls by the names of their tokens; the page shows them as small chips.
'use strict';

const toolMarks = /<\|(python_start|python_end|output_start|output_end)\|>/;

// [{text}, {expression, result}, ...]; result is null until it arrives (or when there is none).
function splitToolCalls(text) {
  const parts = [];
  let mode = 'text';
  for (const piece of text.split(toolMarks)) {
    const last = parts[parts.length - 1];
    if (piece === 'python_start') {
      parts.push({ expression: '', result: null });
      mode = 'expression';
    } else if (piece === 'python_end' || piece === 'output_end') {
      mode = 'text';
    } else if (piece === 'output_start') {
      if (!last || last.expression === undefined) parts.push({ expression: '', result: null });
      parts[parts.length - 1].result = '';
      mode = 'result';
    } else if (piece !== '') {
      if (mode === 'text') parts.push({ text: piece });
      else last[mode] += piece;
    }
  }
  return parts;
}

// Replaces the content of `element`. Only text nodes are made from the model's text.
function showAnswer(element, text) {
  element.replaceChildren(...splitToolCalls(text).map((part) => {
    if (part.text !== undefined) return document.createTextNode(part.text);
    const chip = document.createElement('span');
    chip.className = 'chip';
    chip.title = 'Worked out with the calculator';
    const expression = document.createElement('code');
    expression.textContent = part.expression;
    chip.append(expression);
    if (part.result !== null) {
      const result = document.createElement('b');
      result.textContent = part.result;
      chip.append(' = ', result);
    }
    return chip;
  }));
}
