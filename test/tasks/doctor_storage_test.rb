# frozen_string_literal: true

require "test_helper"
require "support/doctor_test"

class DoctorStorageTest < DoctorTest
  CHECK = Thruster::Doctor::Storage

  test "uploads in the container's own layer are a warning, and on a volume they are not" do
    in_layer = examine(CHECK, config: active_storage, mounts: mounts("/" => "overlay"))
    on_volume = examine(CHECK, config: active_storage, mounts: mounts("/" => "overlay", "#{real}/storage" => "ext4"))

    assert_found :warning, "Active Storage (local) lies in the container's own layer: #{real}/storage", in_layer
    assert_sound on_volume
  end

  test "uploads are found before Active Storage has read its file" do
    write "config/storage.yml", "local: { service: Disk, root: storage }\n"
    unread = { active_storage: OpenStruct.new(service: :local) }

    findings = examine(CHECK, config: unread, mounts: mounts("/" => "overlay"))

    assert_found :warning, "Active Storage (local) lies in the container's own layer: #{real}/storage", findings
  end

  test "a SQLite database in the container's own layer is a warning, and one elsewhere or in memory is none" do
    databases = { primary: "storage/shop.sqlite3", cache: "/mnt/cache/shop.sqlite3", scratch: ":memory:" }

    findings = with_databases(databases) { examine(CHECK, mounts: mounts("/" => "overlay", "/mnt" => "ext4")) }

    assert_equal [ "the database primary lies in the container's own layer: #{real}/storage/shop.sqlite3" ], findings.map(&:what)
  end

  test "certificates in the container's own layer are a warning once there are some" do
    place = { "storage_path" => "storage/thruster" }

    none = examine(CHECK, settings: place, mounts: mounts("/" => "overlay"))
    some = examine(CHECK, settings: place.merge("tls_domain" => [ "shop.example" ]), mounts: mounts("/" => "overlay"))

    assert_sound none
    assert_found :warning, /\ASTORAGE_PATH lies in the container's own layer/, some
  end

  test "a volume of a similar name is another one" do
    findings = examine(CHECK, config: active_storage, mounts: mounts("/" => "overlay", "#{real}/stor" => "ext4"))

    assert_equal [ :warning ], findings.map(&:level)
  end

  test "what was mounted last over a place holds" do
    findings = examine(CHECK, config: active_storage,
      mounts: mounts("/" => "ext4", "#{real}/storage" => "ext4") + mounts("#{real}/storage" => "overlay"))

    assert_equal [ :warning ], findings.map(&:level)
  end

  test "uploads that go elsewhere, and machines without containers, are sound" do
    remote = { active_storage: OpenStruct.new(service: :s3, service_configurations: { "s3" => { "service" => "S3" } }) }

    assert_sound examine(CHECK, config: remote, mounts: mounts("/" => "overlay"))
    assert_sound examine(CHECK, config: active_storage, mounts: mounts("/" => "ext4"))
    assert_empty examine(CHECK, config: active_storage, mounts: "")
  end

  private
    def active_storage
      services = { "local" => { "service" => "Disk", "root" => "storage" }, "test" => { "service" => "Disk", "root" => "/x" } }
      { active_storage: OpenStruct.new(service: :local, service_configurations: services) }
    end

    def with_databases(files)
      require "active_record"
      before = ActiveRecord::Base.configurations
      ActiveRecord::Base.configurations = { Rails.env => files.transform_values { { adapter: "sqlite3", database: _1 } } }
      yield
    ensure
      ActiveRecord::Base.configurations = before
    end

    def real
      File.realpath(@root)
    end

    # As proc(5) has them, with an optional field.
    def mounts(places)
      places.map { |place, kind| "36 35 98:0 / #{place} rw,noatime master:1 - #{kind} /dev/root rw\n" }.join
    end
end
