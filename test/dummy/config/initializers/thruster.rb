# What a test wants of thrust: an object of JSON with settings and their values.
JSON.parse(ENV.fetch("APP_SETTINGS", "{}")).each do |name, value|
  Rails.application.config.thruster[name] = value
end
