// Rows of Markdown's tables.

// A row's cells; `|` in code or behind a backslash does not divide.
export function splitCells(line) {
  const cells = [''];
  for (const piece of line.trim().replace(/^\|/, '').match(/\\[^]|`[^`]*`|[^]/g) ?? []) {
    if (piece === '|') cells.push('');
    else cells[cells.length - 1] += piece === '\\|' ? '|' : piece.startsWith('`') ? piece.replaceAll('\\|', '|') : piece;
  }
  if (cells.length > 1 && cells[cells.length - 1].trim() === '') cells.pop();
  return cells.map((cell) => cell.trim());
}

const mostColumns = 100;  // a row of one letter has a cell for each column

// How the columns stand, from the line under the header, or null when it is none.
export function tableAligns(line) {
  if (!line.includes('|') || !line.includes('-') || !/^[\s|:-]+$/.test(line)) return null;
  const cells = splitCells(line);
  if (cells.length > mostColumns || !cells.every((cell) => /^:?-+:?$/.test(cell))) return null;
  return cells.map((cell) => (cell.endsWith(':') ? (cell.startsWith(':') ? 'center' : 'right') : null));
}
