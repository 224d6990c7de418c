// How does a template become elements? Text in it is always a text node, so nobody's words become markup.
import {h} from "preact";
import htm from "htm";

export const html = htm.bind(h);

export const icon = (name) =>
  html`<svg class="icon" aria-hidden="true" focusable="false"><use href=${`#icon-${name}`}></use></svg>`;
