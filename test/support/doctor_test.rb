# frozen_string_literal: true

require "ostruct"
require "tmpdir"
require "rails"
require "action_dispatch"
require "thruster-rs"
require "thruster/doctor"

# A check of the doctor on an app that is what the test says, in a directory of its own.
class DoctorTest < ActiveSupport::TestCase
  # What `thrust WORD --json` says.
  Said = Struct.new(:answers) do
    def ask(word)
      answer = answers[word]
      answer.is_a?(Exception) ? raise(answer) : answer
    end

    def settings
      ask("config")
    end

    def status
      ask("status")
    end

    def findings
      ask("doctor")&.fetch("findings")
    end
  end
  App = Struct.new(:root, :config, :paths)

  setup { @root = Dir.mktmpdir }
  teardown { FileUtils.rm_rf @root }

  private
    # Findings of one check; `settings` are those that somebody gave, by names in lower case.
    def examine(check, settings: {}, config: {}, answers: {}, pushed: {}, told: {}, **options)
      said = Said.new({ "config" => config_answer(settings), "status" => nil, "doctor" => nil }.merge(answers))
      app = App.new(Pathname(@root), configuration(config), { "public" => [ File.join(@root, "public") ] })
      check.new(Thruster::Doctor::Subject.new(app, command_line: said, told: Thruster::Doctor::Told.new(settings: pushed, **told)),
        **options).findings
    end

    def config_answer(settings)
      rows = { "trusted_proxies" => [ "private" ], "forward_headers" => true, "http_port" => 80, "http_read_timeout" => 30,
        "x_sendfile_enabled" => true, "sendfile_mappings" => [], "sendfile_roots" => [], "tls_domain" => [] }
      default = rows.except(*settings.keys).map { |name, value| row(name, value, "default") }
      { "running" => false, "settings" => default + settings.map { |name, value| row(name, value, "environment") } }
    end

    def row(name, value, source)
      { "name" => name.upcase, "variable" => "THRUSTER_#{name.upcase}", "value" => value, "source" => source,
        "given_by" => nil, "built" => true }
    end

    def configuration(given)
      OpenStruct.new({ action_dispatch: OpenStruct.new, hosts: [], force_ssl: false, assume_ssl: false,
        middleware: ActionDispatch::MiddlewareStack.new }.merge(given))
    end

    def write(path, text, mode: 0o644)
      file = File.join(@root, path)
      FileUtils.mkdir_p File.dirname(file)
      File.write file, text
      File.chmod mode, file
      file
    end

    def assert_found(level, what, findings)
      found = findings.select { _1.level == level && what === _1.what }
      assert_equal 1, found.size, "#{level} #{what.inspect} in\n#{findings.join("\n")}"
      return if level == :ok

      assert_predicate found.first.why.to_s, :present?
      assert_predicate found.first.change.to_s, :present?
    end

    def assert_sound(findings)
      assert_not_empty findings
      assert_equal [ :ok ], findings.map(&:level).uniq, findings.join("\n")
    end
end
