module ultra.dev/testenv/pause

go 1.26.0
