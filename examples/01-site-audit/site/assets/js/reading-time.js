// Says how long an article takes to read.
(function () {
  var article = document.querySelector("article")
  var place = document.querySelector(".reading-time")
  if (!article || !place) {
    return
  }
  var words = article.textContent.trim().split(/\s+/).length
  place.textContent = Math.max(1, Math.round(words / 220)) + " min to read"
})()
