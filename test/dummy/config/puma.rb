# Event streams and downloads hold a thread each, and so does a kept connection for 0.2 s after each answer.
count = ENV.fetch("RAILS_MAX_THREADS", 8)
threads count, count

port ENV.fetch("PORT", 3000)

# Puma takes the number of workers from WEB_CONCURRENCY. Each loads the app for itself with PRELOAD=false.
preload_app! false if ENV["PRELOAD"] == "false"

pidfile ENV["PIDFILE"] if ENV["PIDFILE"]
