// Searches the journal; the posts are few enough to keep in the page.
(function () {
  var posts = [
    { title: "How to look after a chain in a wet winter", url: "chain-care.html", words: "chain oil wax winter clean" },
    { title: "The safety check, point by point", url: "../services.html", words: "safety check brakes tyres" },
    { title: "Book a service before the spring rush", url: "../booking.html", words: "book service spring" }
  ]

  var query = new URLSearchParams(location.search).get("q")
  var results = document.getElementById("results")
  if (!query || !results) {
    return
  }

  var found = posts.filter(function (post) {
    return (post.title + " " + post.words).toLowerCase().indexOf(query.toLowerCase()) !== -1
  })

  var heading = "<h2>" + found.length + " results for " + query + "</h2>"
  results.innerHTML = heading + found.map(function (post) {
    return '<p><a href="' + post.url + '">' + post.title + "</a></p>"
  }).join("")
})()
