// Draws the diagrams of a page with Mermaid, whose script is part of the site. A page without
// diagrams does not load it.
'use strict';

(() => {
  const figures = Array.from(document.querySelectorAll('div.diagram'));
  if (figures.length === 0) return;
  // A diagram can scroll, and then needs the focus to scroll with keys.
  figures.forEach(figure => { figure.tabIndex = 0; });

  const isDark = () => ['coal', 'navy', 'ayu'].some(name => document.documentElement.classList.contains(name));

  async function draw() {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: 'strict',
      theme: isDark() ? 'dark' : 'default',
      // Mermaid otherwise shrinks a diagram to the width of the page, and its text with it.
      sequence: { useMaxWidth: false },
      flowchart: { useMaxWidth: false },
      state: { useMaxWidth: false },
    });
    for (const [number, figure] of figures.entries()) {
      const text = figure.dataset.source;
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
