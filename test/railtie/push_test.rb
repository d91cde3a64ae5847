# frozen_string_literal: true

require "test_helper"
require "support/forked_rails"
require "support/told_proxy"

class PushTest < ActiveSupport::TestCase
  include ForkedRails

  test "threads that meet their first request at once tell thrust once" do
    told = pushing do |push, proxy, _|
      8.times.map { Thread.new { push.deliver_late } }.each(&:join)
      push.deliver
      proxy.told.size
    end

    assert_equal 1, told
  end

  test "a process that was forked later knows the secret, and tells nothing again" do
    status, told = pushing do |push, proxy, _|
      push.deliver
      pid = fork { push.deliver_late and exit!(false) or exit!(push.from_thrust?(ToldProxy::SECRET)) }
      [ Process.wait2(pid).last.success?, proxy.told.size ]
    end

    assert status
    assert_equal 1, told
  end

  test "what could not be told at the boot is told with a later request, after a pause" do
    hasty, patient = [ 0, 60 ].map do |pause|
      answers = [ { reply: "error", kind: "unavailable", message: "not now" } ]
      pushing(pause:, answer: ->(_) { answers.shift }) do |push, proxy, _|
        push.deliver
        3.times { push.deliver_late }
        [ proxy.told.size, push.from_thrust?(ToldProxy::SECRET) ]
      end
    end

    assert_equal [ 2, true ], hasty
    assert_equal [ 1, false ], patient
  end

  test "a bad setting that thrust hears of late is an error in the log, once" do
    fault = { setting: "debug", message: "debug is \"x\"" }
    refuse = ->(_) { { reply: "error", kind: "invalid", message: "wrong", faults: [ fault ] } }

    told, log = pushing(answer: refuse, configure: ->(config, _) { config.thruster.debug = "x" }) do |push, proxy, _, log|
      2.times { push.deliver_late }
      [ proxy.told.size, log.string ]
    end

    assert_equal 1, told
    assert_match(/ERROR.*thrust does not take what config\.thruster says:\n  config\.thruster\.debug is "x"/, log)
  end

  test "no secret opens anything until thrust has given one, and none if the app names its files itself" do
    own = ->(config, _) { config.action_dispatch.x_sendfile_header = "X-Accel-Redirect" }

    before, after, guessed = pushing do |push, _, _|
      before = [ nil, "", ToldProxy::SECRET ].any? { push.from_thrust?(_1) }
      push.deliver
      [ before, push.from_thrust?(ToldProxy::SECRET), [ nil, "", "guess" ].any? { push.from_thrust?(_1) } ]
    end
    named_by_app = pushing(configure: own) { |push, _, _| push.deliver && push.from_thrust?(ToldProxy::SECRET) }

    assert_equal [ false, true, false ], [ before, after, guessed ]
    assert_not named_by_app
  end

  test "files may be sent from where config.thruster says, and from anywhere if the environment says where" do
    elsewhere = ->(config, _) { config.thruster.sendfile_roots = [ "/mnt/elsewhere" ] }
    overrule = lambda do |_|
      { reply: "ok", configured: { changed: [], overridden: [ { setting: "sendfile_roots", source: "option" } ], sendfile_secret: "s" } }
    end

    by_rails = pushing { |push, _, root| sends?(push, File.join(root, "public/a")) }
    by_config = pushing(configure: elsewhere) { |push, _, root| sends?(push, File.join(root, "public/a")) }
    by_environment = pushing(configure: elsewhere, answer: overrule) { |push, _, root| sends?(push, File.join(root, "public/a")) }

    assert_equal [ true, false, true ], [ by_rails, by_config, by_environment ]
  end

  test "without thrust above it, an app tells nobody and knows no secret" do
    known = pushing(environment: {}) { |push, _, _| push.deliver && push.from_thrust?(ToldProxy::SECRET) }

    assert_not known
  end

  private
    # The block's value: it gets a push of a booted app, the proxy, which answers so, the app's directory and the log.
    def pushing(configure: ->(_, _) { }, answer: nil, environment: nil, **options, &block)
      boot(configure:) do |app, root|
        proxy = ToldProxy.new(root, &answer)
        log = StringIO.new
        environment ||= { "THRUSTER_CONTROL_SOCKET" => proxy.socket }
        push = Thruster::Push.new(app, logger: Logger.new(log), environment:, **options)
        block.call(push, proxy, root, log)
      end
    end

    def sends?(push, path)
      File.write path, ""
      body = Struct.new(:to_path).new(path)
      push.deliver
      push.sendfile.apply([ 200, {}, body ])[1].key?("x-sendfile")
    end
end
