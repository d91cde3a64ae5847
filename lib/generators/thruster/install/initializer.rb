# frozen_string_literal: true

require "thruster/settings"

module Thruster
  module Generators
    # The text of config/initializers/thruster.rb: every setting that Rails may give, as a comment, with its default.
    class Initializer
      HEAD = <<~RUBY
        # What thrust does for this app. Each line shows a default; remove the # before it to change that.
        # The environment and thrust's options win over this file: THRUSTER_LOG_REQUESTS over log_requests.
        # `bin/rails thruster:config` shows what holds and where it comes from.

        Rails.application.configure do
      RUBY
      WIDTH = 108

      def to_s
        "#{HEAD}#{settings.map { comment(_1) }.join("\n")}end\n"
      end

      private
        def settings
          Settings.live.select(&:built?)
        end

        def comment(setting)
          "#{fold(setting.help).map { "  # #{_1}\n" }.join}  # config.thruster.#{setting.name} = #{value(setting)}\n"
        end

        # As Ruby has it. Defaults that depend on another setting go on in words after a comma.
        def value(setting)
          text = setting.default[/\A(?:(?!, or ).)*/]
          case text
          when "on" then "true"
          when "off" then "false"
          when /\A-?\d+\z/ then text
          else text.inspect
          end
        end

        def fold(text)
          text.scan(/\S.{0,#{WIDTH - 1}}(?=\s|\z)/)
        end
    end
  end
end
