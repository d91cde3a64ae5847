# frozen_string_literal: true

require "test_helper"
require "support/forked_rails"

class FactsTest < ActiveSupport::TestCase
  include ForkedRails

  test "an app that says nothing tells where its files are, and nothing that thrust knows by itself" do
    settings, root = settings_of

    assert_equal %w[public_path public_index sendfile_roots], settings.keys
    assert_equal File.join(root, "public"), settings["public_path"]
    assert_equal "index", settings["public_index"]
    assert_equal [ root, File.join(root, "public") ], settings["sendfile_roots"].split(",")
  end

  test "public files are sent with Rails' index and fields" do
    settings, = settings_of do |config|
      config.public_file_server.index_name = "start"
      config.public_file_server.headers = { "Cache-Control" => "public, max-age=60", "X-Robots-Tag" => "none" }
    end

    assert_equal "start", settings["public_index"]
    assert_equal "Cache-Control: public, max-age=60\nX-Robots-Tag: none", settings["public_headers"]
  end

  test "an app that wants HTTPS says so with its public files too" do
    forced, = settings_of do |config|
      config.force_ssl = true
      config.ssl_options = { hsts: { expires: 60, subdomains: false } }
      config.public_file_server.headers = { "Cache-Control" => "public" }
    end

    assert_equal "cache-control: public\nstrict-transport-security: max-age=60", forced["public_headers"].downcase
  end

  test "public files are sent by HTTPS only where Rails sends everybody there" do
    forced, = settings_of { |config| config.force_ssl = true }
    assumed, = settings_of { |config| config.force_ssl = config.assume_ssl = true }

    assert_equal "on", forced["public_https_only"]
    assert_nil assumed["public_https_only"]
  end

  test "public files stay with Rails where Rails does not send them" do
    disabled, = settings_of { |config| config.public_file_server.enabled = false }
    deleted, = settings_of { |config| config.middleware.delete ActionDispatch::Static }

    assert_empty [ disabled, deleted ].flat_map(&:keys).grep(/public/)
  end

  test "public files stay with Rails where something stands before them, and the log says what and what to do" do
    settings, notes = boot(configure: ->(config, _) { config.middleware.insert_before 0, Rack::Auth::Basic }) do |app, _|
      [ facts(app).settings, facts(app).notes ]
    end

    assert_empty settings.keys.grep(/public/)
    assert_match(/\Apublic\/ stays with Rails, because Rack::Auth::Basic stands before .*config\.thruster\.public_path/, notes.sole)
  end

  test "public files stay with Rails where config.ru puts something before the app" do
    use = lambda do |lines|
      rackup = ->(_, root) { File.write File.join(root, "config.ru"), "# use Rack::Auth::Basic\n#{lines}\nrun Rails.application\n" }
      boot(configure: rackup) { |app, _| [ facts(app).settings.key?("public_path"), facts(app).notes ] }
    end

    gated = [ "use Rack::Auth::Basic, 'Staging' do |_, _| end", "  use(::Rack::Auth::Basic)" ].map { use.(_1) }
    open = [ "", "use Rack::Runtime\nuse Prometheus::Middleware::Exporter\nreuse = 1" ].map { use.(_1) }

    gated.each do |served, notes|
      assert_not served
      assert_match(/because Rack::Auth::Basic stands before/, notes.sole)
    end
    assert_equal [ [ true, [] ] ] * 2, open
  end

  test "what only watches, and Rails' own, does not stand before public files" do
    settings, = settings_of do |config|
      watcher = Object.const_set(:Datadog, Module.new).const_set(:TraceMiddleware, Struct.new(:app))
      config.middleware.insert_before 0, watcher
      config.hosts = [ "shop.example" ]
      config.force_ssl = true
    end

    assert_includes settings, "public_path"
  end

  test "fields that cannot be told leave public files with Rails" do
    settings, notes = boot(configure: ->(config, _) { config.public_file_server.headers = { "X-Odd" => -> { } } }) do |app, _|
      [ facts(app).settings, facts(app).notes ]
    end

    assert_empty settings.keys & %w[public_path public_headers]
    assert_match(/thrust was not told that public_headers is/, notes.sole)
  end

  test "filters are told as words, raw or as Rails compiles them" do
    filters = [ :passw, "card.code", /\Atoken|ssn\z/i ]
    raw, = settings_of { |config| config.filter_parameters += filters }
    compiled = boot(configure: ->(config, _) { config.filter_parameters += filters }) do |app, _|
      app.env_config
      facts(app).settings
    end

    assert_equal "passw,code,token,ssn", raw["filter_parameters"]
    assert_equal %w[code passw ssn token], compiled["filter_parameters"].split(",").sort
  end

  test "a filter that has no words masks everything, and the log says so" do
    settings, notes = boot(configure: ->(config, _) { config.filter_parameters += [ :passw, ->(_key, _value) { } ] }) do |app, _|
      [ facts(app).settings, facts(app).notes ]
    end

    assert_equal "*", settings["filter_parameters"]
    assert_match(/has a proc, which cannot be said in words: thrust masks every parameter/, notes.sole)
  end

  test "trusted proxies are told as networks, or not at all" do
    networks, = settings_of { |config| config.action_dispatch.trusted_proxies = [ IPAddr.new("203.0.113.0/24"), "::1" ] }
    settings, notes = boot(configure: ->(config, _) { config.action_dispatch.trusted_proxies = [ /\A10\./ ] }) do |app, _|
      [ facts(app).settings, facts(app).notes ]
    end

    assert_equal "203.0.113.0/24,::1", networks["trusted_proxies"]
    assert_not_includes settings, "trusted_proxies"
    assert_match(/which is no network/, notes.sole)
  end

  test "the path of the app and that of its assets are told" do
    settings, = settings_of do |config|
      config.relative_url_root = "/shop"
      config.assets = ActiveSupport::OrderedOptions[prefix: "/packed"]
    end

    assert_equal [ "/shop", "/packed" ], settings.values_at("relative_url_root", "assets_prefix")
  end

  test "thrust may send files of Active Storage's disks, and what is linked into the app" do
    configure = lambda do |config, root|
      FileUtils.mkdir_p File.join(root, "config")
      FileUtils.mkdir_p File.join(root, "elsewhere/uploads")
      File.symlink File.join(root, "elsewhere/uploads"), File.join(root, "public/uploads")
      File.write File.join(root, "config/storage.yml"), <<~YAML
        local: { service: Disk, root: <%= Rails.root.join("storage") %> }
        attic: { service: Disk, root: /mnt/attic }
        cloud: { service: S3, bucket: mine }
      YAML
      config.active_storage = ActiveSupport::OrderedOptions.new
    end

    roots, root = boot(configure:) { |app, root| [ facts(app).settings["sendfile_roots"].split(","), root ] }

    assert_equal [ root, "#{root}/public", "#{root}/storage", "/mnt/attic", "#{root}/public/uploads" ], roots
  end

  test "below the path of Active Storage's disks there are files, wherever the app lives" do
    configure = lambda do |config, _|
      config.active_storage = ActiveSupport::OrderedOptions[service_configurations: {}]
      config.relative_url_root = "/shop"
    end
    moved = lambda do |config, _|
      config.active_storage = ActiveSupport::OrderedOptions[service_configurations: {}, routes_prefix: "/files"]
    end

    paths = [ configure, moved, ->(_, _) { } ].map { |configure| boot(configure:) { |app, _| facts(app).paths_of_files } }

    assert_equal [ %w[/rails/active_storage/disk/ /shop/rails/active_storage/disk/], %w[/files/disk/], [] ], paths
  end

  test "the header that an app sends files with is told, and the app is then left alone" do
    settings, facts = boot(configure: ->(config, _) { config.action_dispatch.x_sendfile_header = "X-Accel-Redirect" }) do |app, _|
      [ facts(app).settings, facts(app).app ]
    end

    assert_equal "X-Accel-Redirect", settings["sendfile_header"]
    assert_not facts[:sendfile]
  end

  test "the app says what it is" do
    configure = lambda do |config, _|
      config.hosts = [ "shop.example", /.*\.example/, IPAddr.new("10.0.0.0/8") ]
      config.assume_ssl = true
    end

    facts = boot(configure:) { |app, _| facts(app).app }

    assert_equal({ framework: "Rails #{Rails.version}", gem: Thruster::VERSION, environment: "production", sendfile: true,
      hosts: [ "shop.example", "/.*\\.example/", "10.0.0.0" ], force_ssl: false, assume_ssl: true }, facts)
  end

  test "what config.thruster says wins over what Rails knows" do
    settings = boot(configure: ->(config, _) { config.thruster.public_index = "other" and config.thruster.debug = true }) do |app, _|
      Thruster::Push.new(app).settings
    end

    assert_equal [ "other", "on" ], settings.values_at("public_index", "debug")
  end

  private
    def settings_of(&configure)
      boot(configure: ->(config, _) { configure&.call(config) }) { |app, root| [ facts(app).settings, root ] }
    end

    def facts(app)
      @facts ||= Thruster::RailsFacts.new(app)
    end
end
