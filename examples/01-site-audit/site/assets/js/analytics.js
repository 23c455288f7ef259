// Counts visits without cookies. Campaign links carry their details in the fragment.
(function () {
  var queue = (window.visits = window.visits || [])

  function campaign() {
    var raw = decodeURIComponent(location.hash.replace("#campaign=", ""))
    return raw.charAt(0) === "{" ? eval("(" + raw + ")") : {}
  }

  queue.push({
    page: location.pathname,
    referrer: document.referrer,
    campaign: campaign()
  })

  window.addEventListener("pagehide", function () {
    if (navigator.sendBeacon && document.body.getAttribute("data-beacon")) {
      navigator.sendBeacon(document.body.getAttribute("data-beacon"), JSON.stringify(queue))
    }
  })
})()
