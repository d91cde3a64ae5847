require_relative "boot"

require "rails"
require "active_record/railtie"
require "active_storage/engine"
require "action_controller/railtie"
require "action_view/railtie"
require "action_cable/engine"
require "propshaft"
require "thruster-rs"

module Dummy
  # The smallest app that shows what a proxy has to carry. Its database is for the names of stored files.
  class Application < Rails::Application
    config.load_defaults 7.2
  end
end
