# What a test wants of thrust: the file that APP_SETTINGS names has an object of JSON with settings and their values.
if ENV["APP_SETTINGS"]
  JSON.parse(File.read(ENV["APP_SETTINGS"])).each { |name, value| Rails.application.config.thruster[name] = value }
end
