// Slash commands. runCommand answers with the text to show, or null when there is nothing to say.

const commandHelp = [
  '/temperature         show the temperature',
  '/temperature [0-2]   set it: 0 always takes the likeliest word, more is bolder',
  '/topk                show top-k',
  '/topk [1-200]        set it: how many of the likeliest tokens may be chosen',
  '/clear               start a new conversation',
  '/help                show this list',
].join('\n');

// settings: {get(key), set(key, value)}.
export function runCommand(line, settings, clear) {
  const [name, argument] = line.slice(1).trim().split(/\s+/);
  switch (name.toLowerCase()) {
    case 'temperature': {
      if (argument === undefined) return `Temperature is ${settings.get('temperature')}`;
      const value = parseFloat(argument);
      if (!(value >= 0 && value <= 2)) return 'Temperature must be between 0 and 2';
      settings.set('temperature', value);
      return `Temperature set to ${value}`;
    }
    case 'topk': {
      if (argument === undefined) return `Top-k is ${settings.get('top_k')}`;
      const value = parseInt(argument, 10);
      if (!(value >= 1 && value <= 200)) return 'Top-k must be between 1 and 200';
      settings.set('top_k', value);
      return `Top-k set to ${value}`;
    }
    case 'clear':
      clear();
      return null;
    case 'help':
      return commandHelp;
    default:
      return `Unknown command: /${name}\nType /help for the list.`;
  }
}
