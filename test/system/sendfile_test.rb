# frozen_string_literal: true

require "test_helper"

# Files that the app answers with leave through thrust: nothing is set for it, Rails and thrust have agreed.
class SendfileTest < SystemTest
  MEGABYTE = 1024 * 1024

  test "fifty clients that take their time with a file of 1 GB keep no thread of Puma busy, and cost no memory" do
    server = start_thrust(environment: { "RAILS_MAX_THREADS" => "1" })
    server.get("/stored/1024", "Range" => "bytes=0-9")
    before = memory(server)

    slow = 50.times.map { server.socket.tap { |socket| socket.write "GET /stored/1024 HTTP/1.1\r\nHost: localhost\r\n\r\n" } }
    slow.each { |socket| assert_match %r{\AHTTP/1.1 200 }, take(socket, MEGABYTE) }
    answer = server.get("/request")
    slow.each { |socket| take(socket, MEGABYTE) }

    assert_equal "200", answer.code
    assert_operator memory(server) - before, :<, 16 * MEGABYTE
  ensure
    slow&.each(&:close)
  end

  test "parts of what send_file sends are made by thrust" do
    whole = thrust.get("/stored/3")

    part = thrust.get("/stored/3", "Range" => "bytes=1000-1999", "If-Range" => whole["ETag"])
    outdated = thrust.get("/stored/3", "Range" => "bytes=1000-1999", "If-Range" => '"other"')
    same = thrust.get("/stored/3", "If-None-Match" => whole["ETag"])

    assert_equal [ "206", "bytes 1000-1999/#{3 * MEGABYTE}", 1000 ], [ part.code, part["Content-Range"], part.body.bytesize ]
    assert_equal whole.body[1000..1999], part.body
    assert_equal [ "200", 3 * MEGABYTE ], [ outdated.code, outdated.body.bytesize ]
    assert_equal "304", same.code
  end

  test "parts of a file of Active Storage are made by thrust" do
    form = Net::HTTP::Post.new("/documents")
    form.set_form([ [ "file", StringIO.new("0123456789" * 100), { filename: "digits.txt" } ] ], "multipart/form-data")
    stored = JSON.parse(thrust.request(form).body)
    path = URI(thrust.get(stored["path"])["Location"]).request_uri

    parts = thrust.get(path, "Range" => "bytes=0-1,500-502")

    assert_equal "206", parts.code
    # Rails would call them by the type of the file.
    assert_match %r{\Amultipart/byteranges; boundary=}, parts["Content-Type"]
    assert_match(/\r\n\r\n01\r\n.*\r\n\r\n012\r\n/m, parts.body)
  end

  test "a file that thrust may not send comes whole from Puma" do
    Dir.mktmpdir do |directory|
      settings = File.join(directory, "settings.json").tap { File.write(_1, '{"sendfile_roots":["/nowhere"]}') }
      server = start_thrust(environment: { "APP_SETTINGS" => settings })

      response = server.get("/stored/1", "Range" => "bytes=0-9")

      assert_equal [ "200", MEGABYTE ], [ response.code, response.body.bytesize ]
    end
  end

  test "who asks Puma directly gets the file, whatever they pretend" do
    [ {}, { "X-Sendfile-Type" => "X-Sendfile" }, { "X-Thruster-Secret" => "guess", "X-Sendfile-Type" => "X-Sendfile" } ].each do |pretended|
      response = Net::HTTP.start("127.0.0.1", thrust.target_port) { _1.get("/stored/1", pretended) }

      assert_equal [ "200", MEGABYTE, nil ], [ response.code, response.body.bytesize, response["X-Sendfile"] ]
    end
  end

  test "the app never sees the secret, nor what a client calls so" do
    [ {}, { "X-Thruster-Secret" => "guess" } ].each do |pretended|
      assert_not_includes JSON.parse(thrust.get("/request", pretended).body)["headers"], "x-thruster-secret"
    end
  end

  private
    # At least so many of the next bytes.
    def take(socket, bytes)
      read(socket, within: 10) { _1.bytesize >= bytes }
    end

    # What thrust and its app have in memory, in bytes.
    def memory(server)
      status, = server.command("status", "--json", "--pid", server.pid.to_s)
      [ server.pid, JSON.parse(status)["child"] ].sum { |pid| File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i * 1024 }
    end
end
