#!/bin/sh
# An agent as it was written for the file-based system. Nothing of it was changed.
agent=indexer-001
status-update.sh "$agent" role IMPLEMENTER
status-update.sh "$agent" currentTask "index the site"
checkpoint.sh "$agent" implementation half "12 of 24 pages"
finding-write.sh "$agent" links "Two links are dead" 0.7
checkpoint.sh "$agent" cleanup swept
status-update.sh "$agent" status completed
wake.sh "$agent" COMPLETE "24 pages are indexed"
