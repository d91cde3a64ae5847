# Event streams and downloads hold a thread each.
threads 8, 8

port ENV.fetch("PORT", 3000)
