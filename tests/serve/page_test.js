// Drives the real page like a person would and writes one line per finding into #report: "PASS scenario: what" or
// "FAIL scenario: what". Runs in a real browser, served beside the page by page_test.cc.
'use strict';

(() => {
  const report = document.createElement('pre');
  report.id = 'report';
  const lines = [];
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  let scenario = '';
  const expect = (what, ok) => lines.push(`${ok ? 'PASS' : 'FAIL'} ${scenario}: ${what}`);
  const until = async (what, condition) => {
    for (let i = 0; i < 3000 && !condition(); ++i) await sleep(10);
    expect(what, condition());
  };
  const type = (text) => {
    $('#input').value = text;
    $('#input').dispatchEvent(new Event('input', { bubbles: true }));
  };
  const press = (key, more = {}, target = $('#input')) =>
    target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
  const say = (text) => {
    type(text);
    press('Enter');
  };
  const idle = () => $('#stop').hidden;
  const ask = async (text) => {
    say(text);
    await until(`"${text}" is answered`, idle);
  };
  const texts = (selector) => all(selector).map((element) => element.textContent);
  const lastAnswer = () => texts('.message.assistant .text').pop();
  const lastConsole = () => texts('.console').pop();
  const lastRequest = async () => JSON.parse(await (await fetch('/last-request')).text());

  const scenarios = {
    async start() {
      expect('title', document.title === 'lathe' && $('h1').textContent === 'lathe');
      expect('new button names its shortcut', $('#new').title.includes('Ctrl+Shift+N'));
      expect('input has the focus', document.activeElement === $('#input'));
      expect('placeholder invites', $('#input').placeholder.startsWith('Ask') && $('#input').rows === 1);
      expect('column of 48rem', getComputedStyle($('.messages')).maxWidth === '768px');
      expect('send is off while empty', $('#send').disabled);
      type('   ');
      expect('send is off for blanks', $('#send').disabled);
      type('x');
      expect('send is on with text', !$('#send').disabled);
      type('');
      await until('no error box after a good health answer', () => all('.error').length === 0);
    },
    async input() {
      const before = $('#input').clientHeight;
      type('a\nb\nc');
      expect('grows with its lines', $('#input').clientHeight > before);
      type('a\n'.repeat(60));
      expect('up to 200 px', $('#input').offsetHeight <= 200 && $('#input').scrollHeight > 200);
      type('kept');
      const event = new KeyboardEvent('keydown', { key: 'Enter', shiftKey: true, bubbles: true, cancelable: true });
      $('#input').dispatchEvent(event);
      expect('Shift+Enter is left to the text area', !event.defaultPrevented && $('#input').value === 'kept' && all('.message').length === 0);
      await ask('hello');
      expect('Enter sends', texts('.message.user .text').join() === 'hello' && lastAnswer() === 'You said: hello');
      expect('input is emptied', $('#input').value === '');
    },
    async request() {
      await ask('first');
      const body = await lastRequest();
      expect('defaults are sent', body.temperature === 0.8 && body.top_k === 50 && body.max_tokens === 512);
      await ask('second');
      const history = (await lastRequest()).messages.map((m) => `${m.role}=${m.content}`).join('|');
      expect('whole history is sent', history === 'user=first|assistant=You said: first|user=second');
    },
    async commands() {
      say('/temperature');
      expect('shows the temperature', lastConsole() === 'Temperature is 0.8');
      say('/TEMPERATURE 1.5 and more');
      expect('any case, first argument only', lastConsole() === 'Temperature set to 1.5');
      say('/temperature 1.25x');
      expect('numbers are read leniently', lastConsole() === 'Temperature set to 1.25');
      say('/temperature 2.5');
      expect('bad values show the range', lastConsole().includes('between 0 and 2'));
      say('/temperature warm');
      expect('words show the range', lastConsole().includes('between 0 and 2'));
      say('/topk');
      expect('shows top-k', lastConsole() === 'Top-k is 50');
      say('/topk 7');
      expect('sets top-k', lastConsole() === 'Top-k set to 7');
      say('/topk 0');
      expect('0 shows the range', lastConsole().includes('between 1 and 200'));
      say('/topk 201');
      expect('201 shows the range', lastConsole().includes('between 1 and 200'));
      say('/help');
      expect('help lists all forms', ['/temperature [0-2]', '/topk [1-200]', '/clear', '/help'].every((form) => lastConsole().includes(form)));
      say('/frobnicate 3');
      expect('unknown commands are named', lastConsole().includes('Unknown command: /frobnicate'));
      expect('input is emptied', $('#input').value === '');
      expect('nothing was sent', all('.message').length === 0);
      await ask('hi');
      const body = await lastRequest();
      expect('settings are used', body.temperature === 1.25 && body.top_k === 7);
      expect('console lines are not messages', body.messages.length === 1);
      expect('console is monospace on a box', /mono/i.test(getComputedStyle($('.console')).fontFamily) && getComputedStyle($('.console')).backgroundColor !== 'rgba(0, 0, 0, 0)');
      say('/clear');
      expect('clear empties the page', all('.message, .console').length === 0);
      say('/temperature 0.8');
      say('/topk 50');
    },
    async edit() {
      await ask('one');
      say('/help');
      await ask('two');
      await ask('three');
      expect('tooltip on user bubbles', all('.message.user')[0].title !== '');
      all('.message.user .text')[1].click();
      expect('its text can be changed', $('.editor textarea').value === 'two');
      $('.editor textarea').value = 'TWO';
      press('Enter', {}, $('.editor textarea'));
      await until('answered', idle);
      expect('it and all later messages are in another branch', texts('.message').join('|') === 'one|You said: one|TWO|You said: TWO' && texts('.branches').join() === '2/2');
      expect('the console box stays', all('.console').length === 1);
      expect('messages sent', (await lastRequest()).messages.map((m) => m.content).join('|') === 'one|You said: one|TWO');
    },
    async regenerate() {
      await ask('one');
      say('/topk');
      await ask('two');
      expect('tooltip', all('.entry.assistant [data-act=again]')[0].title === 'Another answer');
      all('.entry.assistant [data-act=again]')[0].click();
      await until('answered again', idle);
      expect('answer and all later replaced', texts('.message').join('|') === 'one|You said: one');
      expect('messages sent', (await lastRequest()).messages.map((m) => m.content).join('|') === 'one');
    },
    async waiting() {
      say('slow');
      await until('three dots while waiting', () => all('.typing i').length === 3);
      expect('dots move', getComputedStyle($('.typing i')).animationName !== 'none' || matchMedia('(prefers-reduced-motion: reduce)').matches);
      expect('stop is offered', !$('#stop').hidden && $('#send').hidden);
      await fetch('/go');
      await until('text arrives', () => (lastAnswer() || '').includes('xxx'));
      expect('dots are gone', all('.typing').length === 0);
      all('.message.user .text')[0].click();
      expect('no editing while generating', all('.editor').length === 0);
      say('second');
      expect('no sending while generating', texts('.message.user').join() === 'slow' && $('#input').value === 'second');
      press('N', { ctrlKey: true, shiftKey: true }, document.body);
      expect('no shortcut while generating', texts('.message.user').join() === 'slow');
      $('#stop').click();
      await until('stop ends it', idle);
      const kept = lastAnswer();
      await sleep(100);
      expect('the part so far is kept', kept.startsWith('x') && lastAnswer() === kept);
      type('');
      press('N', { ctrlKey: true, shiftKey: true }, document.body);
      expect('the shortcut starts anew', all('.message').length === 0);
    },
    async new_conversation() {
      say('slow');
      await until('text arrives', () => (lastAnswer() || '').includes('x'));
      type('draft');
      $('#new').click();
      expect('page and input are empty', all('.message').length === 0 && $('#input').value === '');
      expect('input has the focus', document.activeElement === $('#input'));
      expect('ready for the next', idle());
      await sleep(150);
      expect('the old stream writes nothing more', all('.message').length === 0);
      for (let i = 0; i < 3000 && (await (await fetch('/running')).text()) !== '0'; ++i) await sleep(10);
      expect('its generation was stopped', (await (await fetch('/running')).text()) === '0');
      await ask('fresh');
      expect('history is empty', (await lastRequest()).messages.length === 1);
    },
    async split() {
      await ask('split');
      expect('events and characters cut by chunks are whole', lastAnswer() === 'caf\u00e9 \u{1F600} end');
      expect('no error', all('.error').length === 0);
    },
    async html() {
      window.hacked = false;
      await ask('html');
      expect('shown as text', lastAnswer().includes('<img src=x onerror="window.hacked=true">'));
      expect('no element made', all('#threads img, #threads script, #threads b').length === 0);
      await ask('<img src=x onerror="window.hacked=true">');
      expect('user text is text', all('#threads img').length === 0);
      await ask('<b>refuse</b>');
      expect('error text is text', $('.error').textContent.includes('<b>bold</b>') && all('#threads b').length === 0);
      await sleep(50);
      expect('nothing ran', window.hacked === false);
    },
    async tool() {
      await ask('tool');
      expect('one chip', all('.message.assistant .chip').length === 1);
      expect('expression and result', $('.chip code').textContent === '37*12' && $('.chip b').textContent === '444');
      expect('no raw marks', !lastAnswer().includes('<|'));
      expect('text around it', lastAnswer() === 'It is 37*12 = 444, I think.');
      await ask('again');
      expect('history keeps the marks', (await lastRequest()).messages[1].content.includes('<|python_start|>37*12<|python_end|><|output_start|>444<|output_end|>'));
    },
    async errors() {
      await ask('<b>refuse</b>');
      expect('a red box in place of the answer', all('.message.assistant').length === 0 && $('.error').textContent.includes('400'));
      expect('the user message stays', texts('.message.user').length === 1);
      await ask('hello');
      expect('and stays in the list', (await lastRequest()).messages.map((m) => m.content).join('|') === '<b>refuse</b>|hello');
      $('#new').click();
      await ask('broken');
      expect('an error event is shown', $('.error').textContent.includes('no room'));
      $('#new').click();
      await ask('cut');
      expect('a cut stream is reported', all('.error').length === 1);
      expect('its text is kept', lastAnswer() === 'half');
      $('#new').click();
      await ask('fail once');
      $('.error button').click();
      await until('try again asks again', () => idle() && all('.error').length === 0);
      expect('with the same message', texts('.message').join('|') === 'fail once|better now');
    },
    async empty() {
      await ask('empty');
      expect('no bubble for an empty answer', all('.message.assistant').length === 0);
      expect('it says so', lastConsole().includes('empty answer'));
      await ask('next');
      expect('it is not sent', (await lastRequest()).messages.map((m) => m.role).join('|') === 'user|user');
    },
    async layout() {
      await ask('w'.repeat(400));
      const column = $('.messages').clientWidth - 32, user = $('.message.user').getBoundingClientRect(), answer = $('.message.assistant').getBoundingClientRect();
      expect('user bubbles at most 65 % wide', user.width <= 0.65 * column + 1 && user.width > 0.5 * column);
      expect('user bubbles right', user.right > answer.right - 30 && user.left > answer.left + 100);
      expect('answers full width', answer.width > column - 40);
      say('/help');
      expect('console boxes at most 80 %', $('.console').getBoundingClientRect().width <= 0.8 * column + 1);
      for (let i = 0; i < 6; ++i) await ask('line\n'.repeat(12));
      expect('scroll follows', $('.thread').scrollTop + $('.thread').clientHeight > $('.thread').scrollHeight - 100);
    },
    async health() {
      await fetch('/kill');
      const { checkServer } = await import('/offline.js');
      await checkServer(() => {});
      expect('a dead engine is reported', $('#banner .error').textContent.includes('not running'));
    },
  };

  (async () => {
    for (let i = 0; i < 3000 && !$('#model').value; ++i) await sleep(10);
    for (const [name, run] of Object.entries(scenarios)) {
      scenario = name;
      try {
        await run();
      } catch (error) {
        lines.push(`FAIL ${name}: ${error}`);
      }
      if (!idle()) $('#stop').click();
      $('#new').click();
    }
    report.textContent = `\n${lines.join('\n')}\nEND\n`;
    document.body.append(report);
    fetch('/report', { method: 'POST', body: report.textContent });
  })();
})();
