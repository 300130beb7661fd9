// Values under the pointer. The curves carry all that is needed: their path, and the axes in data attributes of the SVG.
(function () {
  'use strict';
  var space = 'http://www.w3.org/2000/svg';
  var tip = document.createElement('div');
  tip.className = 'tip';
  tip.setAttribute('aria-hidden', 'true');
  document.body.appendChild(tip);

  function numbers(text) { return (text.match(/-?\d+(\.\d+)?(e[-+]?\d+)?/gi) || []).map(Number); }

  function show(value) {
    var size = Math.abs(value);
    if (size === 0) { return '0'; }
    return size >= 1000 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(4)).toString();
  }

  function nearest(points, x) {
    return points.reduce(function (best, p) { return Math.abs(best[0] - x) > Math.abs(p[0] - x) ? p : best; });
  }

  document.querySelectorAll('svg[data-domain]').forEach(function (svg) {
    var domain = numbers(svg.dataset.domain);
    var plot = numbers(svg.dataset.plot);
    var lines = Array.from(svg.querySelectorAll('path.line')).map(function (path) {
      var flat = numbers(path.getAttribute('d').replace(/[ML]/g, ' '));
      var points = flat.reduce(function (all, v, i) { i % 2 ? all[all.length - 1].push(v) : all.push([v]); return all; }, []);
      return { name: path.dataset.name, points: points, colour: getComputedStyle(path).color };
    }).filter(function (line) { return line.points.length > 0; });
    if (lines.length === 0) { return; }
    var cross = document.createElementNS(space, 'path');
    cross.setAttribute('class', 'cross');
    svg.appendChild(cross);

    function hide() { tip.style.visibility = 'hidden'; cross.setAttribute('d', ''); }

    function move(event) {
      var box = svg.getBoundingClientRect();
      var x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      if (plot[0] - 8 > x || x > plot[1] + 8) { hide(); return; }
      var at = nearest(lines.map(function (line) { return nearest(line.points, x); }), x)[0];
      cross.setAttribute('d', 'M' + at + ' ' + plot[2] + 'V' + plot[3]);
      tip.textContent = '';
      var head = document.createElement('div');
      head.textContent = svg.dataset.x + ' ' + show(domain[0] + (at - plot[0]) / (plot[1] - plot[0]) * (domain[1] - domain[0]));
      tip.appendChild(head);
      lines.forEach(function (line) {
        var p = nearest(line.points, at);
        if (Math.abs(p[0] - at) > 12) { return; }
        var row = document.createElement('div');
        var dot = document.createElement('span');
        dot.className = 'keydot';
        dot.style.color = line.colour;
        row.appendChild(dot);
        var y = domain[2] + (plot[3] - p[1]) / (plot[3] - plot[2]) * (domain[3] - domain[2]);
        row.appendChild(document.createTextNode(line.name + ': ' + show(y)));
        tip.appendChild(row);
      });
      var left = event.clientX + 14;
      left = left + tip.offsetWidth > document.documentElement.clientWidth - 8 ? event.clientX - tip.offsetWidth - 14 : left;
      tip.style.left = Math.max(4, left) + window.scrollX + 'px';
      tip.style.top = event.clientY + window.scrollY - 12 + 'px';
      tip.style.visibility = 'visible';
    }

    svg.addEventListener('pointermove', move);
    svg.addEventListener('pointerdown', move);
    svg.addEventListener('pointerleave', hide);
  });
})();
