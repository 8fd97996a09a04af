// Draws the diagrams of a page with Mermaid, whose script is part of the site. A page without
// diagrams does not load it.
'use strict';

(() => {
  const blocks = Array.from(document.querySelectorAll('code.language-mermaid'));
  if (blocks.length === 0) return;
  const figures = blocks.map(block => {
    const figure = document.createElement('div');
    figure.className = 'diagram';
    block.parentElement.replaceWith(figure);
    return { figure, text: block.textContent };
  });

  const isDark = () => ['coal', 'navy', 'ayu'].some(name => document.documentElement.classList.contains(name));

  async function draw() {
    mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: isDark() ? 'dark' : 'default' });
    for (const [number, { figure, text }] of figures.entries()) {
      try {
        const { svg } = await mermaid.render(`diagram${number}`, text);
        figure.innerHTML = svg;
      } catch (error) {
        figure.textContent = `The diagram has an error: ${error.message}\n\n${text}`;
      }
    }
  }

  const script = document.createElement('script');
  script.src = path_to_root + 'mermaid.min.js';
  script.addEventListener('load', () => {
    let wasDark = isDark();
    draw();
    // A change of the theme changes the colors.
    new MutationObserver(() => {
      if (wasDark === isDark()) return;
      wasDark = isDark();
      draw();
    }).observe(document.documentElement, { attributes: true, attributeFilter: ['class'] });
  });
  document.head.append(script);
})();
