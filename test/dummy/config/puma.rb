# Event streams and downloads hold a thread each.
threads 8, 8

port ENV.fetch("PORT", 3000)

# Puma takes the number of workers from WEB_CONCURRENCY. Each loads the app for itself with PRELOAD=false.
preload_app! false if ENV["PRELOAD"] == "false"

pidfile ENV["PIDFILE"] if ENV["PIDFILE"]
