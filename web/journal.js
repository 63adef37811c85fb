// Changes that can be taken back: while `open`, each is written down with what undoes it.

export class Journal {
  constructor() {
    this.undos = null;
  }
  get open() {
    return this.undos !== null;
  }
  begin() {
    this.undos = [];
  }
  takeBack() {
    for (const undo of (this.undos ?? []).reverse()) undo();
    this.undos = null;
  }
  // Something was done that `undo` undoes.
  did(undo) {
    this.undos?.push(undo);
  }

  attach(parent, node) {
    parent.append(node);
    this.did(() => node.remove());
    return node;
  }
  replace(old, node) {
    old.replaceWith(node);
    this.did(() => node.replaceWith(old));
  }
  set(object, key, value) {
    const old = object[key];
    object[key] = value;
    this.did(() => { object[key] = old; });
  }
  push(list, value) {
    list.push(value);
    this.did(() => list.pop());
  }
  pop(list) {
    const value = list.pop();
    this.did(() => list.push(value));
  }
}
