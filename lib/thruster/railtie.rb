# frozen_string_literal: true

require_relative "configuration"
require_relative "middleware"
require_relative "push"
require_relative "server_process"
require_relative "switch"

module Thruster
  # Lets Rails and the thrust above it agree by themselves; docs/rails.md tells when and about what.
  class Railtie < ::Rails::Railtie
    # Set to 0, off or false it keeps Rails silent.
    SWITCH = "THRUSTER_RAILS_ENABLED"

    config.thruster = Configuration.new

    class << self
      def enabled?(environment = ENV)
        !Switch.off?(SWITCH, environment)
      end
    end

    # What this process tells thrust.
    def push
      @push ||= Push.new(::Rails.application)
    end

    initializer "thruster.middleware" do |app|
      if Railtie.enabled?
        timing = ::Rails.env.development? || app.config.server_timing
        app.middleware.insert_before 0, Middleware, push, server_timing: timing ? true : false
      end
    end

    initializer "thruster.queue_time" do
      if Railtie.enabled?
        ActiveSupport.on_load :action_controller do
          require "thruster/queue_time/controller"
          include QueueTime::Controller
        end
      end
    end

    # Before a server accepts, and in the master of one that loads the app before it forks.
    config.after_initialize do
      Railtie.instance.push.deliver if Railtie.enabled? && ServerProcess.boots?
    end

    rake_tasks do
      Dir[File.join(__dir__, "tasks/*.rake")].sort.each { load _1 }
    end
  end
end
