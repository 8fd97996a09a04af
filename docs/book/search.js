// Orders the results of the search by what a page is for. The index of mdBook compares words only,
// so a decision about a subject would come before the guide that says what to do.
'use strict';

(() => {
  // The first entry that matches the path of a page counts. Other pages have the weight 1.
  const WEIGHTS = [
    [/^docs\/architecture\/diagrams\//, 0.6],
    [/^docs\/architecture\//, 0.4],
    // Who comes from another product reads these pages from the beginning.
    [/^docs\/coming-from\//, 0.4],
    [/^docs\/(performance|capacity|format)\.html/, 0.6],
  ];
  // A reason code, such as `NO_SEAT`, is explained in one page.
  const CODE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;
  const CODES = /^docs\/codes\.html/;

  function weight(query, address) {
    if (CODE.test(query) && CODES.test(address)) return 10;
    const found = WEIGHTS.find(([pattern]) => pattern.test(address));
    return found ? found[1] : 1;
  }

  const search = elasticlunr.Index.prototype.search;
  elasticlunr.Index.prototype.search = function (query, options) {
    const results = search.call(this, query, options);
    const address = result => window.search.doc_urls[result.ref];
    results.forEach(result => { result.score *= weight(query.trim(), address(result)); });
    return results.sort((one, other) => other.score - one.score);
  };
})();
