/* Calls queue here until the tag has loaded, each with its moment and its place, since pages move on. In a page of your
   own these lines may stand in the page itself; here they are a file so that the shop runs under a policy that forbids
   inline scripts. */
(function (page, settings) {
  page.sillage =
    page.sillage ||
    function () {
      var place = [location.href, document.referrer, document.title];
      (page.sillage.q = page.sillage.q || []).push([arguments, Date.now()].concat(place));
    };
  if (!settings) return;
  var tag = document.createElement("script");
  tag.id = "sillage-tag";
  tag.async = true;
  tag.src = "/tag.js";
  tag.dataset.key = settings.key;
  tag.dataset.api = settings.api;
  tag.dataset.auto = "";
  // With ?consent=1 nothing is stored or sent before the banner is answered; the choice is kept for the visit.
  if (/[?&]consent=1\b/.test(location.search)) sessionStorage.setItem("shop.consent", "ask");
  if (/[?&]consent=0\b/.test(location.search)) sessionStorage.removeItem("shop.consent");
  if (sessionStorage.getItem("shop.consent")) tag.dataset.consent = "analytics";
  document.head.appendChild(tag);
})(window, window.shop);
