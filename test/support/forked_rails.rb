# frozen_string_literal: true

require "rails"
require "action_controller/railtie"
require "thruster"
require "thruster/railtie"

# Loaded here once, not in each fork.
[ ActionController, ActionDispatch, ActionView ].each(&:eager_load!)

# A Rails application of a test's own making, booted in a fork: a process can hold only one that has booted.
module ForkedRails
  # What the block makes of the booted app. `configure` gets its config and its directory before it boots.
  def boot(environment: "production", configure: ->(_config, _root) { }, &result)
    Dir.mktmpdir do |directory|
      root = File.realpath(directory)
      in_fork { result.call(application(root, environment, configure).initialize!, root) }
    end
  end

  private
    def application(root, environment, configure)
      ENV["RAILS_ENV"] = environment
      ENV["SECRET_KEY_BASE_DUMMY"] = "1"
      Rails.env = environment
      FileUtils.mkdir_p File.join(root, "public")
      Class.new(Rails::Application) do
        config.root = root
        config.load_defaults Rails::VERSION::STRING.to_f
        config.eager_load = false
        config.logger = Logger.new(File.join(root, "test.log"))
        configure.call(config, root)
      end
    end

    # The block's value, or its error.
    def in_fork
      reader, writer = IO.pipe(binmode: true)
      pid = fork do
        value = begin
          [ yield, nil ]
        rescue StandardError => error
          [ nil, "#{error.class}: #{error.full_message(highlight: false)}" ]
        end
        writer.write Marshal.dump(value)
        writer.close
        exit! # Minitest would run the tests at the end of this process, too.
      end
      writer.close
      value, error = Marshal.load(reader.read)
      raise error if error

      value
    ensure
      reader&.close
      Process.wait(pid) if pid
    end
end
