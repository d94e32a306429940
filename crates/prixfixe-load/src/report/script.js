'use strict';
// The page is whole without this: it switches the theme, and shows under the pointer, or at the arrow
// keys, the row of a chart's tables that is nearest.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById('theme');
  theme.hidden = false;
  theme.addEventListener('click', () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });

  addEventListener('beforeprint', () => {
    for (const details of document.querySelectorAll('details:not(.figures)')) details.open = true;
  });

  const element = (name, text, inside) => {
    const made = document.createElement(name);
    made.textContent = text;
    inside.append(made);
    return made;
  };

  for (const figure of document.querySelectorAll('figure.chart')) {
    const drawing = figure.querySelector('.plot svg[role="img"]');
    if (!drawing) continue;
    const tip = figure.querySelector('.tip');
    const cursor = drawing.querySelector('.cursor');
    let tables;

    const read = () => [...figure.querySelectorAll('table.readings')].map((table) => ({
      table,
      columns: [...table.tHead.rows[0].cells].map((cell) => cell.textContent),
      rows: [...table.tBodies[0].rows].filter((row) => row.dataset.at),
    })).filter((one) => one.rows.length);
    const distance = (row, at) => Math.abs(Number(row.dataset.at) - at);
    const nearest = (rows, at) => rows.reduce((best, row) => distance(best, at) > distance(row, at) ? row : best);
    const longest = () => tables.reduce((best, one) => one.rows.length > best.rows.length ? one : best);

    const hide = () => {
      tip.hidden = true;
      cursor.style.visibility = 'hidden';
    };
    const show = (wanted) => {
      tables ??= read();
      if (!tables.length) return;
      const at = Number(nearest(longest().rows, wanted).dataset.at);
      tip.replaceChildren();
      for (const { table, columns, rows } of tables) {
        const row = nearest(rows, at);
        const line = element('div', '', tip);
        line.className = [...table.classList].find((name) => name !== 'readings') ?? '';
        element('span', '', line).className = 'swatch';
        line.append(' ' + (tables.length > 1 ? table.caption.textContent + ', ' : ''));
        line.append(row.cells[0].textContent + ': ');
        [...row.cells].slice(1).forEach((cell, number) => {
          line.append((number ? ', ' : '') + columns[number + 1] + ' ');
          element('b', cell.textContent, line);
        });
      }
      tip.hidden = false;
      cursor.setAttribute('x1', at * 100 + '%');
      cursor.setAttribute('x2', at * 100 + '%');
      cursor.style.visibility = 'visible';
      const box = drawing.getBoundingClientRect();
      const left = box.left - tip.parentElement.getBoundingClientRect().left + at * box.width;
      const fits = tip.parentElement.clientWidth >= left + 14 + tip.offsetWidth;
      tip.style.left = (fits ? left + 14 : Math.max(0, left - 14 - tip.offsetWidth)) + 'px';
    };

    drawing.addEventListener('pointermove', (event) => {
      const box = drawing.getBoundingClientRect();
      show((event.clientX - box.left) / box.width);
    });
    drawing.addEventListener('pointerleave', hide);
    drawing.addEventListener('blur', hide);
    drawing.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === 'Escape') hide();
      if (!step) return;
      tables ??= read();
      if (!tables.length) return;
      const rows = longest().rows;
      const now = parseFloat(cursor.getAttribute('x1')) / 100;
      const index = tip.hidden ? -1 : rows.indexOf(nearest(rows, now));
      const next = Math.min(Math.max(index + step, 0), rows.length - 1);
      show(Number(rows[next].dataset.at));
      event.preventDefault();
    });
  }
})();
