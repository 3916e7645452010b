// Behaviour of the page: theme, sortable tables, and plots that are drawn when they come into view.
'use strict';
const root = document.documentElement;
const darkByDefault = matchMedia('(prefers-color-scheme: dark)');
const still = matchMedia('(prefers-reduced-motion: reduce)');

const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : darkByDefault.matches);

const toggle = document.getElementById('theme');
function showTheme() {
  toggle.textContent = isDark() ? 'Light' : 'Dark';
  for (const plot of drawn) drawPlot(plot);
}
function remembered(theme) {  // some browsers have no storage for pages opened from disk
  try {
    if (theme) localStorage.setItem('pulmo-theme', theme);
    return localStorage.getItem('pulmo-theme');
  } catch { return null; }
}
toggle.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  remembered(root.dataset.theme);
  showTheme();
});
darkByDefault.addEventListener('change', showTheme);

for (const button of document.querySelectorAll('th button')) {
  button.addEventListener('click', () => {
    const header = button.closest('th');
    const table = header.closest('table');
    const column = header.cellIndex;
    const up = header.getAttribute('aria-sort') !== 'ascending';
    for (const other of table.tHead.rows[0].cells) other.setAttribute('aria-sort', 'none');
    header.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = header.classList.contains('number')
      ? (a, b) => (up ? 1 : -1) * (key(a) - key(b))
      : (a, b) => (up ? 1 : -1) * key(a).localeCompare(key(b));
    const missing = (row) => row.cells[column].dataset.value === '';
    const rows = [...table.tBodies[0].rows];
    table.tBodies[0].append(
      ...rows.filter((row) => !missing(row)).sort(compare), ...rows.filter(missing));  // missing values stay last
  });
}

// Compressed text embedded in the page: plotly.js takes a third of its size, and is parsed only if a plot needs it.
async function unpacked(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
let library = null;
function plotly() {
  library ??= unpacked('plotly').then((source) => {
    const script = document.createElement('script');
    script.textContent = source;
    document.head.append(script);
  });
  return library;
}

const drawn = new Set();
const specifications = new Map();
function inTheme(text) {
  const colours = getComputedStyle(root);
  return text.replace(/#(222222|777777|DDDDDD|FFFFFF|0072B2)\b/g, (found) => colours.getPropertyValue(
    { '#222222': '--ink', '#777777': '--grey', '#DDDDDD': '--pale', '#FFFFFF': '--paper', '#0072B2': '--blue' }[found]));
}
function drawPlot(plot) {
  const { data, layout } = JSON.parse(inTheme(specifications.get(plot)));
  layout.height = plot.clientHeight;
  layout.uirevision = 'kept';  // keeps the reader's view when the theme changes
  return Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
}
async function show(plot) {
  await plotly();
  specifications.set(plot, await unpacked(plot.dataset.figure));
  if (plot.dataset.rotates !== undefined) {  // a scene higher than wide would be cropped at its sides
    plot.style.height = `${Math.min(plot.clientHeight, plot.clientWidth)}px`;
  }
  await drawPlot(plot);
  plot.parentElement.classList.add('drawn');
  drawn.add(plot);
  if (plot.dataset.rotates !== undefined) rotate(plot);
}

// One rotation in 24 seconds while in view; the button or the first touch stops it.
function rotate(plot) {
  const button = plot.parentElement.parentElement.querySelector('button');
  let rotating = !still.matches;
  const { x, y, z } = plot.layout.scene.camera.eye;
  const distance = Math.hypot(x, y);
  let angle = Math.atan2(x, -y);
  let last = null;
  const label = () => { button.textContent = rotating ? 'Stop' : 'Rotate'; };
  const step = (time) => {
    if (!rotating) { last = null; return; }
    const box = plot.getBoundingClientRect();
    const visible = box.bottom > 0 && box.top < innerHeight;
    angle += last === null ? 0 : (Math.min(time - last, 100) / 24000) * 2 * Math.PI;
    last = time;
    const scenes = Object.keys(plot.layout).filter((name) => name.startsWith('scene'));
    const eye = { x: distance * Math.sin(angle), y: -distance * Math.cos(angle), z };
    const moved = visible
      ? Plotly.relayout(plot, Object.fromEntries(scenes.map((scene) => [`${scene}.camera.eye`, eye])))
      : new Promise((done) => setTimeout(done, 200));
    moved.then(() => requestAnimationFrame(step));
  };
  const start = () => { if (rotating) requestAnimationFrame(step); };
  button.hidden = false;
  button.addEventListener('click', () => { rotating = !rotating; label(); start(); });
  for (const event of ['pointerdown', 'wheel']) {
    plot.addEventListener(event, () => { rotating = false; label(); }, { passive: true });
  }
  label();
  start();
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    near.unobserve(entry.target);
    show(entry.target);
  }
}, { rootMargin: '600px' });

const theme = remembered();
if (theme) root.dataset.theme = theme;
showTheme();
const canShow3d = Boolean(document.createElement('canvas').getContext('webgl'));
for (const plot of document.querySelectorAll('.plot')) {
  if (canShow3d || plot.dataset.rotates === undefined) near.observe(plot);  // else the still picture remains
}
