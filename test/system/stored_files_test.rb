# frozen_string_literal: true

require "test_helper"
require "digest"
require "securerandom"

class StoredFilesTest < SystemTest
  test "what was uploaded to Active Storage comes back as it was, by redirect and through the app" do
    content = SecureRandom.bytes(300_000)

    stored = upload("notes.bin", content)
    redirect = thrust.get(stored["path"])
    direct = thrust.get(path_of(redirect["Location"]))
    proxied = thrust.get(stored["proxied"])

    assert_equal "302", redirect.code
    assert_equal [ "200", content ], [ direct.code, direct.body ]
    assert_match(/filename="notes\.bin"/, direct["Content-Disposition"])
    assert_equal [ "200", content ], [ proxied.code, proxied.body ]
  end

  test "a part of a stored file is that part" do
    content = SecureRandom.bytes(50_000)
    path = path_of(thrust.get(upload("part.bin", content)["path"])["Location"])

    response = thrust.get(path, "Range" => "bytes=1000-1999")

    assert_equal "206", response.code
    assert_equal "bytes 1000-1999/50000", response["Content-Range"]
    assert_equal content[1000..1999], response.body
  end

  test "a file that the app sends with send_file comes whole, under its name, and nothing tells where it lies" do
    response = thrust.get("/stored/3")

    assert_equal "200", response.code
    assert_equal 3 * 1024 * 1024, response.body.bytesize
    assert_equal response["Content-Length"].to_i, response.body.bytesize
    assert_equal Digest::SHA256.hexdigest("thruster" * (3 * 1024 * 1024 / 8)), Digest::SHA256.hexdigest(response.body)
    assert_match(/attachment; filename="3\.bin"/, response["Content-Disposition"])
    assert_nil response["X-Sendfile"]
  end

  # Rails' send_file knows no parts.
  test "thrust sends it in the place of Puma, and so makes parts of it, while Puma itself sends it whole" do
    part = thrust.get("/stored/3", "Range" => "bytes=8-15")
    direct = Net::HTTP.start("127.0.0.1", thrust.target_port) { _1.get("/stored/3", "Range" => "bytes=8-15") }

    assert_equal [ "206", "thruster" ], [ part.code, part.body ]
    assert_equal [ "200", 3 * 1024 * 1024, nil ], [ direct.code, direct.body.bytesize, direct["X-Sendfile"] ]
  end

  test "pages in public/ are found as Rails finds them" do
    assert_includes thrust.get("/about.html").body, "This page lies in public/"
    assert_includes thrust.get("/about").body, "This page lies in public/"
    assert_includes thrust.get("/guide").body, "the index of a directory"
    assert_equal "404", thrust.get("/guide/nothing").code
  end

  private
    def upload(name, content)
      form = Net::HTTP::Post.new("/documents")
      form.set_form([ [ "file", StringIO.new(content), { filename: name, content_type: "application/octet-stream" } ] ],
        "multipart/form-data")
      response = thrust.request(form)
      assert_equal "201", response.code, response.body
      JSON.parse(response.body)
    end

    def path_of(location)
      URI(location).request_uri
    end
end
